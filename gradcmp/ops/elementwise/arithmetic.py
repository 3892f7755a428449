"""Arithmetic on one or two operands, broadcast against each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.blocks import binary, everywhere, spelled, unary
from gradcmp.ops.kinks import both_zero
from gradcmp.ops.primitives import constant, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import floating, numeric
from gradcmp.ops.spec import Array, Example, Interval, Kink, Op, Pullback

NONZERO = Interval(-2.0, 2.0, avoid=(0.0,), gap=0.3)
POSITIVE = Interval(0.3, 2.0)


def add(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x + y.

    VJP: dx = dz, dy = dz, each summed over its broadcast axes.
    """
    return x + y, lambda dz: (unbroadcast(dz, x), unbroadcast(dz, y))


register(binary(add, everywhere(lambda _, x, y: x + y), numeric, sign="+"))


def subtract(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x - y.

    VJP: dx = dz, dy = -dz, each summed over its broadcast axes.
    """
    return x - y, lambda dz: (unbroadcast(dz, x), unbroadcast(-dz, y))


register(binary(subtract, everywhere(lambda _, x, y: x - y), numeric, sign="-"))


def multiply(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x * y.

    VJP: dx = dz * y, dy = dz * x, each summed over its broadcast axes.
    """
    return x * y, lambda dz: (unbroadcast(dz * y, x), unbroadcast(dz * x, y))


register(binary(multiply, everywhere(lambda _, x, y: x * y), numeric, sign="*"))


def divide(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x / y.

    VJP: dx = dz / y, dy = -dx * x / y, each summed over its broadcast axes.
    """
    z = x / y

    def pullback(dz: Array) -> tuple[Array, Array]:
        dx = dz / y
        return unbroadcast(dx, x), unbroadcast(-dx * z, y)

    return z, pullback


register(binary(divide, everywhere(lambda _, x, y: x / y), floating, y=NONZERO, sign="/"))


ZEROTH = "y * x ** (y - 1) is 0 * inf, and the slope of a constant is 0"


def power(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x ** y.

    VJP: dx = dz * y * x**(y - 1), dy = dz * x**y * log(x), each summed over its broadcast axes.
    Conventions: dx = 0 where y = 0, at x = 0 as well; dy = 0 where x = 0 <= y, NaN where x < 0:
    there x**y is real only at whole numbers y.
    """
    z = np.power(x, y)

    def pullback(dz: Array) -> tuple[Array, Array]:
        level = np.real(y) == 0
        slope = y * np.power(x, np.where(level, 1, y - 1))
        log_x = np.log(np.where(np.real(x) > 0, x, 1))
        base = np.where(np.real(x) < 0, constant(np.nan, x), log_x)
        return unbroadcast(np.where(level, 0, dz * slope), x), unbroadcast(dz * z * base, y)

    return z, pullback


register(
    binary(
        power,
        spelled(torch="pow", tensorflow="pow", jax="numpy.power"),
        floating,
        x=POSITIVE,
        sign="**",
        kinks=(
            Kink("x = 0, y = 0", "x ** y", {"x": (0.0,), "y": (0.0,)}, ZEROTH, both_zero),
            Kink("x = 0, to the power of 0", "x ** 0", {"x": (0.0,)}, ZEROTH, both_zero),
            Kink(
                "x < 0",
                "x ** y",
                {"x": (-2.0,), "y": (2.0,)},
                "x ** y is real only at whole y, so that there is no slope along y",
                lambda x, y: bool(np.any(x < 0)),
            ),
        ),
    )
)


def negative(x: Array) -> tuple[Array, Pullback]:
    """-x.

    VJP: dx = -dy.
    """
    return -x, lambda dy: (-dy,)


register(unary(negative, everywhere(lambda _, x: -x), infer=numeric))


def square(x: Array) -> tuple[Array, Pullback]:
    """x * x.

    VJP: dx = 2 * x * dy.
    """
    return x * x, lambda dy: (2 * x * dy,)


register(
    unary(square, spelled(torch="square", tensorflow="square", jax="numpy.square"), infer=numeric)
)


def reciprocal(x: Array) -> tuple[Array, Pullback]:
    """1 / x.

    VJP: dx = -y * y * dy.
    """
    y = 1 / x
    return y, lambda dy: (-y * y * dy,)


register(
    unary(
        reciprocal,
        spelled(torch="reciprocal", tensorflow="math.reciprocal", jax="numpy.reciprocal"),
        domain=NONZERO,
    )
)


def lerp(x: Array, y: Array, weight: Array) -> tuple[Array, Pullback]:
    """x + weight * (y - x), from x at weight 0 to y at 1.

    VJP: dx = (1 - weight) * dz, dy = weight * dz, dweight = (y - x) * dz, each summed over its
    broadcast axes.
    """

    def pullback(dz: Array) -> tuple[Array, Array, Array]:
        return (
            unbroadcast((1 - weight) * dz, x),
            unbroadcast(weight * dz, y),
            unbroadcast((y - x) * dz, weight),
        )

    return x + weight * (y - x), pullback


def _lerp(_: Any, x: Any, y: Any, weight: Any) -> Any:
    return x + weight * (y - x)


register(
    Op(
        "lerp",
        lerp,
        infer=floating,
        native={**spelled(torch="lerp"), "tensorflow": _lerp, "jax": _lerp},
        domain={"weight": Interval(0.0, 1.0)},
        examples=(
            Example("lerp(x, y, weight)", {"x": (4, 3), "y": (4, 3), "weight": (4, 3)}),
            Example("lerp(x, y, weight)", {"x": (4, 1), "y": (3,), "weight": ()}),
            Example("lerp(x, y, 0.25)", {"x": (3,), "y": (2, 3)}),
        ),
    )
)
