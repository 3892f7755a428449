"""Products of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.linalg.tensors import tensordot
from gradcmp.ops.primitives import product, total, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import broadcast, require_float, single_axis
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError


def _infer_outer(x: ArraySpec, y: ArraySpec) -> ArraySpec:
    for name, spec in (("x", x), ("y", y)):
        require_float(spec)
        if len(spec.shape) != 1:
            raise ShapeError(f"{name} has shape {spec.shape}, and must be a vector")
    return ArraySpec(x.shape + y.shape)


def outer(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Products z_ij = x_i * y_j of two vectors.

    Vectors only, as in the array API standard: NumPy and JAX would flatten what has more axes.

    VJP: dx = dz @ y, dy = dz^T @ x.
    """
    z = np.expand_dims(x, 1) * y
    return z, lambda dz: (product(dz, y), product(np.transpose(dz), x))


def _infer_vecdot(x: ArraySpec, y: ArraySpec, axis: int = -1) -> ArraySpec:
    require_float(x)
    require_float(y)
    shape = broadcast(x, y)
    for spec in (x, y):
        single_axis(axis, len(spec.shape))
        if axis >= 0 and len(spec.shape) != len(shape):
            raise ShapeError(f"axis {axis} is another one in {x.shape} than in {y.shape}")
    if x.shape[axis] != y.shape[axis]:
        raise ShapeError(f"axis {axis} has lengths {x.shape[axis]} and {y.shape[axis]}")
    place = single_axis(axis, len(shape))
    return ArraySpec(shape[:place] + shape[place + 1 :])


def vecdot(x: Array, y: Array, axis: int = -1) -> tuple[Array, Pullback]:
    """Sums of x * y along one axis of equal length, the others broadcast.

    VJP: dx = dz * y, dy = dz * x, each summed over its broadcast axes.
    """
    z = total(x * y, axis)

    def pullback(dz: Array) -> tuple[Array, Array]:
        wide = np.expand_dims(dz, axis)
        return unbroadcast(wide * y, x), unbroadcast(wide * x, y)

    return z, pullback


def _infer_inner(x: ArraySpec, y: ArraySpec) -> ArraySpec:
    require_float(x)
    require_float(y)
    if not x.shape or not y.shape:
        return ArraySpec(x.shape + y.shape)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"the last axes have lengths {x.shape[-1]} and {y.shape[-1]}")
    return ArraySpec(x.shape[:-1] + y.shape[:-1])


def inner(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Sums of products over the last axes of both; with a number, plain products.

    VJP: dx = dz contracted with y over the axes that y has in z, dy likewise with x.
    """
    if np.ndim(x) and np.ndim(y):
        return tensordot(x, y, ((-1,), (-1,)))
    return tensordot(x, y, 0)


def _tensorflow_inner(tf: Any, x: Any, y: Any) -> Any:
    return tf.tensordot(x, y, axes=((-1,), (-1,)) if len(x.shape) and len(y.shape) else 0)


register(
    Op(
        "outer",
        outer,
        infer=_infer_outer,
        native={
            "torch": lambda torch, x, y: torch.outer(x, y),
            "tensorflow": lambda tf, x, y: tf.tensordot(x, y, axes=0),
            "jax": lambda jax, x, y: jax.numpy.outer(x, y),
        },
        examples=(
            Example("outer(x, y)", {"x": (4,), "y": (3,)}),
            Example("outer(x, y)", {"x": (1,), "y": (0,)}),
        ),
    )
)
register(
    Op(
        "inner",
        inner,
        infer=_infer_inner,
        native={
            "torch": lambda torch, x, y: torch.inner(x, y),
            "tensorflow": _tensorflow_inner,
            "jax": lambda jax, x, y: jax.numpy.inner(x, y),
        },
        examples=(
            Example("inner(x, y)", {"x": (3,), "y": (3,)}),
            Example("inner(x, y)", {"x": (2, 4, 3), "y": (5, 3)}),
            Example("inner(x, y)", {"x": (), "y": (3,)}),
        ),
    )
)
register(
    Op(
        "vecdot",
        vecdot,
        infer=_infer_vecdot,
        native={
            "torch": lambda torch, x, y, axis=-1: torch.linalg.vecdot(x, y, dim=axis),
            "tensorflow": lambda tf, x, y, axis=-1: tf.reduce_sum(x * y, axis=axis),
            "jax": lambda jax, x, y, axis=-1: jax.numpy.vecdot(x, y, axis=axis),
        },
        examples=(
            Example("vecdot(x, y)", {"x": (4, 3), "y": (3,)}),
            Example("vecdot(x, y, axis=0)", {"x": (4, 3), "y": (4, 1)}),
            Example("vecdot(x, y, axis=-2)", {"x": (2, 3, 1), "y": (3, 4)}),
        ),
    )
)
