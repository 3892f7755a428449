"""Parts of complex numbers: for cases in complex64 or complex128."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.blocks import spelled
from gradcmp.ops.complexes.meaning import NEEDS_COMPLEX, joined
from gradcmp.ops.primitives import unbroadcast
from gradcmp.ops.registry import register_complex
from gradcmp.ops.shapes import broadcast, require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Native, Op, Pullback, ShapeError


def _complex(x: ArraySpec) -> ArraySpec:
    if x.kind != "complex":
        raise ShapeError(f"an array of kind '{x.kind}' was given {NEEDS_COMPLEX}")
    return x


def _part(x: ArraySpec) -> ArraySpec:
    return ArraySpec(_complex(x).shape, "float")


def _whole(re: ArraySpec, im: ArraySpec) -> ArraySpec:
    for spec in (re, im):
        if spec.kind == "complex":
            raise ShapeError("complex numbers were given where their real parts are needed")
        require_float(spec)
    return ArraySpec(broadcast(re, im), "complex")


def real(x: Array) -> tuple[Array, Pullback]:
    """Real part of complex numbers.

    VJP: dx = dy, a real number.
    """
    y = np.real(x)
    return y, lambda dy: (joined(x, dy, 0 * dy),)


def imag(x: Array) -> tuple[Array, Pullback]:
    """Imaginary part of complex numbers.

    VJP: dx = i * dy.
    """
    y = np.imag(x)
    return y, lambda dy: (joined(x, 0 * dy, -dy),)


def conj(x: Array) -> tuple[Array, Pullback]:
    """Complex conjugate.

    VJP: dx = conj(dy).
    """
    return np.conjugate(x), lambda dy: (np.conjugate(dy),)


def angle(x: Array) -> tuple[Array, Pullback]:
    """Angle of complex numbers in radians, from -pi to pi.

    VJP: dx = i * dy * x / |x|^2.
    Convention: a gradient of 0 at 0, as torch.
    """
    y = np.angle(x)

    def pullback(dy: Array) -> tuple[Array]:
        re, im = np.real(x), np.imag(x)
        size = np.hypot(re, im)  # squares would underflow, or overflow
        size = np.where(size == 0, 1, size)
        scaled = dy / size
        return (joined(x, -(im / size) * scaled, -(re / size) * scaled),)

    return y, pullback


def complex(re: Array, im: Array) -> tuple[Array, Pullback]:
    """re + i * im, from two arrays of real numbers.

    VJP: dre = Re(dz), dim = Im(dz), each summed over its broadcast axes.
    """

    def pullback(dz: Array) -> tuple[Array, Array]:
        return unbroadcast(np.real(dz), re), unbroadcast(-np.imag(dz), im)

    return joined(re, re, im), pullback


def _of_one(reference: Any, infer: Any, native: dict[str, Native]) -> Op:
    name = reference.__name__
    examples = tuple(Example(f"{name}(x)", {"x": shape}) for shape in ((4, 3), ()))
    return Op(name, reference, infer=infer, examples=examples, native=native)


register_complex(
    _of_one(real, _part, spelled(torch="real", tensorflow="math.real", jax="numpy.real"))
)
register_complex(
    _of_one(imag, _part, spelled(torch="imag", tensorflow="math.imag", jax="numpy.imag"))
)
register_complex(
    _of_one(conj, _complex, spelled(torch="conj", tensorflow="math.conj", jax="numpy.conj"))
)
register_complex(
    _of_one(angle, _part, spelled(torch="angle", tensorflow="math.angle", jax="numpy.angle"))
)


def _torch_complex(torch: Any, re: Any, im: Any) -> Any:
    return torch.complex(*torch.broadcast_tensors(re, im))


def _tensorflow_complex(tf: Any, re: Any, im: Any) -> Any:
    shape = tf.broadcast_static_shape(re.shape, im.shape)
    return tf.complex(tf.broadcast_to(re, shape), tf.broadcast_to(im, shape))


register_complex(
    Op(
        "complex",
        complex,
        infer=_whole,
        native={
            "torch": _torch_complex,
            "tensorflow": _tensorflow_complex,
            "jax": lambda jax, re, im: jax.lax.complex(*jax.numpy.broadcast_arrays(re, im)),
        },
        examples=(
            Example("complex(re, im)", {"re": (4, 3), "im": (4, 3)}),
            Example("complex(re, 0)", {"re": (3,)}),
        ),
    )
)
