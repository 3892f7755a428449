"""Which ops have a meaning on complex numbers, and what they are there.

References are written for real numbers and hold on complex ones where they are analytic: their
pullbacks are transposes without a conjugate. So a graph is differentiated by conjugating the
cotangent of its output and then each gradient, which gives the convention of torch and TensorFlow:
of a real loss L the gradient is dL/dRe + i dL/dIm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcmp.ops.primitives import offered
from gradcmp.ops.spec import Array, ArraySpec, Op, Pullback, ShapeError


def _names(*texts: str) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


# Analytic, or moving elements only: complex numbers come out where they went in.
ANALYTIC = _names(
    # Elementwise.
    "add subtract multiply divide negative square reciprocal power exp log sqrt sin cos tanh sinh",
    "cosh where",
    # Sums and products.
    "sum mean cumulative_sum matmul linear einsum tensordot outer inner kron trace inv solve det",
    # Layout.
    "reshape transpose expand_dims squeeze broadcast_to concat stack getitem take flip roll tile",
    "repeat tril triu diagonal diag",
)
REAL_VALUED = frozenset(("abs",))  # real numbers come out
# What is of complex numbers by itself has rules of its own for kinds.
OWN = frozenset(("real", "imag", "conj", "angle", "complex"))
PICKS = frozenset(("take", "where"))  # beside complex numbers they have indices, or conditions
NO_MEANING = "has no meaning on complex numbers"
NEEDS_COMPLEX = "where complex numbers are needed"
MEANING = ANALYTIC | REAL_VALUED | OWN


def inferred(op: Op, specs: Sequence[ArraySpec | None], static: Mapping[str, Any]) -> ArraySpec:
    """Return the shape and kind of what an op gives, complex numbers included.

    Raises
    ------
    ShapeError
        For complex operands of an op that has no meaning on them, and beside real ones.
    """
    kinds = {spec.kind for spec in specs if spec is not None}
    if op.name in OWN or "complex" not in kinds:
        return op.infer(*specs, **static)
    if op.name not in MEANING:
        raise ShapeError(f"{op.name} {NO_MEANING}")
    if "float" in kinds:
        raise ShapeError(
            "complex and real numbers cannot be mixed; complex(x, 0 * x) makes x a complex one"
        )
    if kinds > {"complex"} and op.name not in PICKS:
        raise ShapeError(f"complex numbers and {', '.join(kinds - {'complex'})} cannot be mixed")
    real = [spec and replace(spec, kind=_real(spec.kind)) for spec in specs]
    found = op.infer(*real, **static)
    return replace(found, kind="complex") if op.name in ANALYTIC else found


def _real(kind: Any) -> Any:
    return "float" if kind == "complex" else kind


def joined(like: Array, re: Array, im: Array) -> Array:
    """Return ``re + i im`` in the class of `like`, of complex numbers."""
    answer = offered(joined, like, re, im)
    if answer is not NotImplemented:
        return answer  # type: ignore[no-any-return]
    parts = np.stack(np.broadcast_arrays(re, im), axis=-1)
    found: Array = parts.view(np.result_type(parts.dtype, np.complex64))[..., 0]
    return found


def size(x: Array) -> tuple[Array, Pullback]:
    """|x| of complex numbers: of a pullback, as of all here, the conjugate is taken afterwards.

    VJP: dx = dy * x / |x|.
    Convention: 0 at 0.
    """
    y = np.abs(x)

    def pullback(dy: Array) -> tuple[Array]:
        unit = np.conjugate(x) / np.where(y == 0, 1, y)
        return (unit * dy,)  # a pair first: whose arithmetic it is

    return y, pullback


def whole_power(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x ** y of complex numbers, y a whole number.

    VJP: dx = dz * conj(y * x**(y - 1)).
    """
    n = float(np.real(y))
    if n == 0:
        return np.power(x, n), lambda dz: (0 * dz, None)
    return np.power(x, n), lambda dz: (dz * n * np.power(x, n - 1), None)


REFERENCES: Mapping[str, Callable[..., tuple[Array, Pullback]]] = {
    "abs": size,
    "power": whole_power,
}
