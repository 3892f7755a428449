"""Functions that branch: what holds at the branch point is a convention, named for each."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.blocks import binary, spelled, unary
from gradcmp.ops.kinks import HALVES, any_equal, any_zero
from gradcmp.ops.primitives import constant, unbroadcast, zeros
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import broadcast, common_kind, numeric, require_float
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
from gradcmp.ops.static import require_number

OFF_ZERO = Interval(-2.0, 2.0, avoid=(0.0,))


def abs(x: Array) -> tuple[Array, Pullback]:
    """|x|.

    VJP: dx = sign(x) * dy.
    Convention: 0 at 0.
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
    """
    return np.sign(np.real(x)), lambda dy: (zeros(dy, np.shape(dy)),)


register(
    unary(sign, spelled(torch="sign", tensorflow="sign", jax="numpy.sign"), OFF_ZERO, compares=True)
)


def _choose(x: Array, y: Array, wins: Array, loses: Array) -> tuple[Array, Pullback]:
    """Take x where it wins and y elsewhere; NaN on either side stays NaN."""

    def pullback(dz: Array) -> tuple[Array, Array]:
        dx = np.where(wins, dz, np.where(loses, 0, dz / 2))
        dy = np.where(wins, 0, np.where(loses, dz, dz / 2))
        return unbroadcast(dx, x), unbroadcast(dy, y)

    return np.where(np.logical_or(wins, np.isnan(x)), x, y), pullback


def _tie(name: str) -> Kink:
    return Kink("x = y", f"{name}(x, y)", {"x": (1.0,), "y": (1.0,)}, HALVES, any_equal)


def maximum(x: Array, y: Array) -> tuple[Array, Pullback]:
    """The larger of x and y.

    VJP: dz to the larger one, summed over broadcast axes.
    Convention: a tie gives each half.
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
    Convention: a tie gives each half.
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


def _clip_infer(x: ArraySpec, min: float | None = None, max: float | None = None) -> ArraySpec:
    require_float(x)
    for name, bound in (("min", min), ("max", max)):
        if bound is not None:
            require_number(name, bound)
    if min is None and max is None:
        raise ShapeError("neither min nor max is given")
    if min is not None and max is not None and min > max:
        raise ShapeError(f"min is {min} and max is {max}, and min must not be larger")
    return x


def clip(x: Array, min: float | None = None, max: float | None = None) -> tuple[Array, Pullback]:
    """x, but at least `min` and at most `max`: numbers, one of which may be left out.

    VJP: dx = dy where min <= x <= max, else 0.
    """
    y, slope = x, np.ones_like(np.real(x))
    if min is not None:
        below = np.real(x) < min
        y, slope = np.where(below, constant(min, x), y), np.where(below, 0, slope)
    if max is not None:
        above = np.real(x) > max
        y, slope = np.where(above, constant(max, x), y), np.where(above, 0, slope)
    return y, lambda dy: (np.where(slope == 0, 0, dy),)


def _clip_tensorflow(tf: Any, x: Any, min: float | None = None, max: float | None = None) -> Any:
    if min is None:
        return tf.minimum(x, max)
    return tf.maximum(x, min) if max is None else tf.clip_by_value(x, min, max)


register(
    Op(
        "clip",
        clip,
        infer=_clip_infer,
        native={
            "torch": lambda torch, x, min=None, max=None: torch.clamp(x, min=min, max=max),
            "tensorflow": _clip_tensorflow,
            "jax": lambda jax, x, min=None, max=None: jax.numpy.clip(x, min, max),
        },
        domain={"x": Interval(-2.0, 2.0, avoid=(-1.0, 0.5))},
        examples=(
            Example("clip(x, -1, 0.5)", {"x": (4, 3)}),
            Example("clip(x, min=-1.0)", {"x": (5,)}),
            Example("clip(x, max=0.5)", {"x": (2, 3)}),
        ),
        compares=True,
        kinks=(
            Kink(
                "x = min, x = max",
                "clip(x, -1, 0.5)",
                {"x": (-1.0, 0.5)},
                "a subgradient is any of [0, 1]",
                lambda x, min=None, max=None: bool(np.any((x == min) | (x == max))),
            ),
        ),
    )
)
