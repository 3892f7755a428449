"""Arithmetic on two operands, broadcast against each other."""

from __future__ import annotations

from gradcmp.ops.shapes import elementwise, unbroadcast
from gradcmp.ops.spec import Array, Example, Native, Op, Pullback, register

BROADCASTS = ({"x": (4, 3), "y": (4, 3)}, {"x": (4, 3), "y": (3,)}, {"x": (4, 1), "y": (2, 1, 3)})


def everywhere(native: Native) -> dict[str, Native]:
    """Give one spelling to all frameworks: they overload Python's operators alike."""
    return dict.fromkeys(("tensorflow", "torch", "jax"), native)


def add(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x + y.

    VJP: dx = dy, dy = dy, each summed over its broadcast axes.
    """
    return x + y, lambda dz: (unbroadcast(dz, x), unbroadcast(dz, y))


def multiply(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x * y.

    VJP: dx = dz * y, dy = dz * x, each summed over its broadcast axes.
    """
    return x * y, lambda dz: (unbroadcast(dz * y, x), unbroadcast(dz * x, y))


for _reference, _native in (
    (add, lambda _, x, y: x + y),
    (multiply, lambda _, x, y: x * y),
):
    register(
        Op(
            _reference.__name__,
            _reference,
            infer=elementwise,
            native=everywhere(_native),
            examples=tuple(Example(f"{_reference.__name__}(x, y)", s) for s in BROADCASTS),
        )
    )
