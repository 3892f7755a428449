"""Exponential linear units."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.blocks import spelled, unary
from gradcmp.ops.primitives import constant, unless_nan
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Interval, Op, Pullback, ShapeError
from gradcmp.ops.static import require_number
from gradcmp.ops.tails import precise

OFF_ZERO = Interval(-2.0, 2.0, avoid=(0.0,))
# Of Klambauer et al. (2017): the fixed point at mean 0 and variance 1.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def _unit(x: Array, inner: float, outer: float, scale: float) -> tuple[Array, Pullback]:
    """Return scale * x where x > 0, else outer * (exp(x / inner) - 1)."""
    below = np.real(x) <= 0
    top, bottom = (constant(one, x) for one in (scale, outer))
    z = np.where(below, x, 0)  # the other branch must not overflow
    z = z if inner == 1 else z / constant(inner, x)
    e = np.expm1(z)

    def pullback(dy: Array) -> tuple[Array]:
        grown = precise(lambda _, e: e + 1, lambda z, _: np.exp(z), z, e)
        slope = constant(outer / inner, x) * grown
        return (unless_nan(np.where(below, slope * dy, top * dy), x),)

    return np.where(below, bottom * e, top * x), pullback


def _elu_infer(x: ArraySpec, alpha: float = 1.0) -> ArraySpec:
    require_float(x)
    require_number("alpha", alpha)
    return x


def elu(x: Array, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """x where x > 0, else alpha * (exp(x) - 1).

    VJP: dx = dy where x > 0, else alpha * exp(x) * dy.
    Convention: alpha at 0; NaN gives NaN, and a gradient of 0.
    Ref: Clevert, Unterthiner and Hochreiter (2016). TensorFlow's has alpha 1, and is multiplied.
    """
    return _unit(x, 1.0, alpha, 1.0)


def _elu_tensorflow(tf: Any, x: Any, alpha: float = 1.0) -> Any:
    y = tf.nn.elu(x)
    return y if alpha == 1 else tf.where(tf.greater(x, 0), x, alpha * y)


register(
    Op(
        "elu",
        elu,
        infer=_elu_infer,
        native={
            "torch": lambda torch, x, alpha=1.0: torch.nn.functional.elu(x, alpha),
            "tensorflow": _elu_tensorflow,
            "jax": lambda jax, x, alpha=1.0: jax.nn.elu(x, alpha),
        },
        domain={"x": OFF_ZERO},
        examples=(
            Example("elu(x)", {"x": (4, 3)}),
            Example("elu(x, alpha=1.5)", {"x": (5,)}),
            Example("elu(x, 0.5)", {"x": ()}),
        ),
        compares=True,
        loses_digits=True,
    )
)


def selu(x: Array) -> tuple[Array, Pullback]:
    """scale * elu(x, alpha) with scale 1.0507… and alpha 1.6733….

    VJP: dx = scale * dy where x > 0, else scale * alpha * exp(x) * dy.
    Convention: scale * alpha at 0, where TensorFlow gives scale; NaN gives NaN, and a gradient
    of 0.
    Ref: Klambauer, Unterthiner, Mayr and Hochreiter (2017).
    """
    return _unit(x, 1.0, SELU_SCALE * SELU_ALPHA, SELU_SCALE)


register(
    unary(
        selu,
        spelled(torch="nn.functional.selu", tensorflow="nn.selu", jax="nn.selu"),
        OFF_ZERO,
        compares=True,
        loses_digits=True,
    )
)


def _celu_infer(x: ArraySpec, alpha: float = 1.0) -> ArraySpec:
    require_float(x)
    require_number("alpha", alpha)
    if alpha == 0:
        raise ShapeError("alpha is 0, and x is divided by it")
    return x


def celu(x: Array, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """x where x > 0, else alpha * (exp(x / alpha) - 1), whose slope does not jump.

    VJP: dx = dy where x > 0, else exp(x / alpha) * dy.
    Convention: NaN gives NaN, and a gradient of 0.
    Ref: Barron (2017). TensorFlow is spelled alpha * elu(x / alpha).
    """
    return _unit(x, alpha, alpha, 1.0)


register(
    Op(
        "celu",
        celu,
        infer=_celu_infer,
        native={
            "torch": lambda torch, x, alpha=1.0: torch.nn.functional.celu(x, alpha),
            "tensorflow": lambda tf, x, alpha=1.0: alpha * tf.nn.elu(x / alpha),
            "jax": lambda jax, x, alpha=1.0: jax.nn.celu(x, alpha),
        },
        domain={"x": OFF_ZERO},
        examples=(
            Example("celu(x)", {"x": (4, 3)}),
            Example("celu(x, alpha=1.5)", {"x": (5,)}),
            Example("celu(x, 0.5)", {"x": ()}),
        ),
        compares=True,
        loses_digits=True,
    )
)
