"""Functions that branch: what holds at the branch point is a convention, named for each."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.blocks import binary, spelled, unary
from gradcmp.ops.kinks import HALVES, any_equal, any_zero
from gradcmp.ops.primitives import unbroadcast, unless_nan, zeros
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import broadcast, common_kind, floating, numeric
from gradcmp.ops.spec import (
    Array,
    ArraySpec,
    Booleans,
    Example,
    Interval,
    Kink,
    Op,
    Pullback,
    ShapeError,
)

OFF_ZERO = Interval(-2.0, 2.0, avoid=(0.0,))


def abs(x: Array) -> tuple[Array, Pullback]:
    """|x|.

    VJP: dx = sign(x) * dy.
    Convention: 0 at 0, where JAX gives 1; NaN gives NaN, and a gradient of 0.
    """
    below, above = np.real(x) < 0, np.real(x) > 0
    y = np.where(below, -x, x)
    return y, lambda dy: (np.where(above, dy, np.where(below, -dy, 0)),)


register(
    unary(
        abs,
        spelled(torch="abs", tensorflow="abs", jax="numpy.abs"),
        OFF_ZERO,
        numeric,
        compares=True,
        kinks=(
            Kink("x = 0", "abs(x)", {"x": (0.0,)}, "a subgradient is any of [-1, 1]", any_zero),
        ),
    )
)


def sign(x: Array) -> tuple[Array, Pullback]:
    """1, 0 or -1 as x is positive, zero or negative.

    VJP: dx = 0.
    Convention: 0 at 0, too.
    """
    return np.sign(np.real(x)), lambda dy: (zeros(dy, np.shape(dy)),)


register(
    unary(sign, spelled(torch="sign", tensorflow="sign", jax="numpy.sign"), OFF_ZERO, compares=True)
)


def copysign(x: Array, y: Array) -> tuple[Array, Pullback]:
    """|x| with the sign of y; zeros have signs, too.

    VJP: dx = sign(x) * sign(y) * dz, summed over its broadcast axes, dy = 0.
    Convention: dx = 0 at x = 0, as abs, where JAX gives the sign of y; and where x is NaN.
    TensorFlow, which has none, is spelled with |x| and the sign of y or, where y = 0, of 1 / y.
    """
    signs = [np.copysign(np.ones_like(np.real(one)), np.real(one)) for one in (x, y)]
    flipped = signs[0] * signs[1] < 0
    zero = np.real(x) == 0

    def pullback(dz: Array) -> tuple[Array, None]:
        dx = np.where(zero, 0, np.where(flipped, -dz, dz))
        return unbroadcast(unless_nan(dx, x), x), None

    return np.where(flipped, -x, x), pullback


def _copysign_tensorflow(tf: Any, x: Any, y: Any) -> Any:
    size = tf.abs(x)
    y = tf.stop_gradient(y)
    return tf.where(tf.logical_or(tf.less(y, 0), tf.less(1 / y, 0)), -size, size)


register(
    binary(
        copysign,
        {
            **spelled(torch="copysign", jax="numpy.copysign"),
            "tensorflow": _copysign_tensorflow,
        },
        floating,
        x=OFF_ZERO,
        y=OFF_ZERO,
        compares=True,
    )
)


def _choose(x: Array, y: Array, wins: Array, loses: Array) -> tuple[Array, Pullback]:
    """Return x where it wins and y elsewhere; NaN on either side stays NaN."""
    unknown = np.logical_or(np.isnan(x), np.isnan(y))

    def pullback(dz: Array) -> tuple[Array, Array]:
        tied = np.where(unknown, 0, dz / 2)
        dx = np.where(wins, dz, np.where(loses, 0, tied))
        dy = np.where(wins, 0, np.where(loses, dz, tied))
        return unbroadcast(dx, x), unbroadcast(dy, y)

    return np.where(np.logical_or(wins, np.isnan(x)), x, y), pullback


def _tie(name: str) -> Kink:
    return Kink("x = y", f"{name}(x, y)", {"x": (1.0,), "y": (1.0,)}, HALVES, any_equal)


def maximum(x: Array, y: Array) -> tuple[Array, Pullback]:
    """The larger of x and y.

    VJP: dz to the larger one, summed over broadcast axes.
    Convention: a tie gives each half. A NaN on either side gives NaN, and 0 to both.
    """
    return _choose(x, y, np.real(x) > np.real(y), np.real(x) < np.real(y))


register(
    binary(
        maximum,
        spelled(torch="maximum", tensorflow="maximum", jax="numpy.maximum"),
        numeric,
        compares=True,
        kinks=(_tie("maximum"),),
    )
)


def minimum(x: Array, y: Array) -> tuple[Array, Pullback]:
    """The smaller of x and y.

    VJP: dz to the smaller one, summed over broadcast axes.
    Convention: a tie gives each half. A NaN on either side gives NaN, and 0 to both.
    """
    return _choose(x, y, np.real(x) < np.real(y), np.real(x) > np.real(y))


register(
    binary(
        minimum,
        spelled(torch="minimum", tensorflow="minimum", jax="numpy.minimum"),
        numeric,
        compares=True,
        kinks=(_tie("minimum"),),
    )
)


def _where_infer(condition: ArraySpec, x: ArraySpec, y: ArraySpec) -> ArraySpec:
    if condition.kind != "bool":
        raise ShapeError(
            f"the condition is of kind '{condition.kind}', and must be a comparison's result"
        )
    return ArraySpec(broadcast(condition, x, y), common_kind(x, y))


def where(condition: Array, x: Array, y: Array) -> tuple[Array, Pullback]:
    """x where the condition holds, else y.

    VJP: dx = dz where it holds, else 0; dy the other way round; summed over broadcast axes.
    """

    def pullback(dz: Array) -> tuple[None, Array, Array]:
        dx, dy = np.where(condition, dz, 0), np.where(condition, 0, dz)
        return None, unbroadcast(dx, x), unbroadcast(dy, y)

    return np.where(condition, x, y), pullback


register(
    Op(
        "where",
        where,
        infer=_where_infer,
        native=spelled(torch="where", tensorflow="where", jax="numpy.where"),
        domain={"condition": Booleans()},
        examples=(
            Example("where(condition, x, y)", {"condition": (4, 3), "x": (4, 3), "y": (4, 3)}),
            Example("where(condition, x, y)", {"condition": (3,), "x": (4, 1), "y": ()}),
            Example("where(x > 0, x, 0)", {"x": (4, 3)}),
        ),
        kinks=(
            Kink(
                "no slope in the branch not taken",
                "where(x > 0, sqrt(x), 0)",
                {"x": (-1.0, 0.0, 4.0)},
                "0 times NaN or inf is NaN: https://docs.jax.dev/en/latest/faq.html"
                "#gradients-contain-nan-where-using-where",
            ),
        ),
    )
)
