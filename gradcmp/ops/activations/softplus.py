"""Softplus and what is made of it, and softsign."""

from __future__ import annotations

import numpy as np

from gradcmp.ops.blocks import spelled, unary
from gradcmp.ops.primitives import magnitude
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, Pullback
from gradcmp.ops.tails import sigmoid_value, softplus_value

# From here on log(1 + exp(x)) is x to the last digit of float64, and so is torch's.
LINEAR = 40.0


def softplus(x: Array) -> tuple[Array, Pullback]:
    """log(1 + exp(x)).

    VJP: dx = sigmoid(x) * dy.
    torch's beta b is softplus(b * x) / b, and the others have none. Of its threshold, 20 by
    default, from which on it returns x, float64 loses nine digits; it is called with 40.
    """
    return softplus_value(x), lambda dy: (sigmoid_value(x) * dy,)


register(
    unary(
        softplus,
        {
            **spelled(tensorflow="nn.softplus", jax="nn.softplus"),
            "torch": lambda torch, x: torch.nn.functional.softplus(x, threshold=LINEAR),
        },
    )
)


def log_sigmoid(x: Array) -> tuple[Array, Pullback]:
    """log(sigmoid(x)) = -log(1 + exp(-x)).

    VJP: dx = sigmoid(-x) * dy.
    """
    return -softplus_value(-x), lambda dy: (sigmoid_value(-x) * dy,)


register(
    unary(
        log_sigmoid,
        spelled(
            torch="nn.functional.logsigmoid", tensorflow="math.log_sigmoid", jax="nn.log_sigmoid"
        ),
    )
)


def mish(x: Array) -> tuple[Array, Pullback]:
    """x * tanh(softplus(x)).

    VJP: dx = (t + x * (1 - t * t) * sigmoid(x)) * dy with t = tanh(softplus(x)).
    Ref: Misra (2020). TensorFlow is spelled as the formula.
    """
    t = np.tanh(softplus_value(x))
    return x * t, lambda dy: ((t + x * (1 - t * t) * sigmoid_value(x)) * dy,)


register(
    unary(
        mish,
        {
            **spelled(torch="nn.functional.mish", jax="nn.mish"),
            "tensorflow": lambda tf, x: x * tf.math.tanh(tf.nn.softplus(x)),
        },
    )
)


def softsign(x: Array) -> tuple[Array, Pullback]:
    """x / (1 + |x|).

    VJP: dx = dy / (1 + |x|)^2.
    """
    d = 1 + magnitude(x)
    return x / d, lambda dy: (dy / d / d,)


register(
    unary(
        softsign,
        spelled(torch="nn.functional.softsign", tensorflow="nn.softsign", jax="nn.soft_sign"),
    )
)
