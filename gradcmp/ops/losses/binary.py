"""Losses of probabilities of a yes: binary cross-entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.losses.reduction import (
    reduced,
    reduced_in_jax,
    reduced_in_tensorflow,
    reduced_in_torch,
    reduced_shape,
    reductions,
    shared,
    with_slope,
)
from gradcmp.ops.losses.regression import require_alike
from gradcmp.ops.primitives import magnitude, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import broadcast, require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Interval, Op, Pullback, ShapeError
from gradcmp.ops.tails import precise, sigmoid_value

INSIDE = Interval(0.05, 0.95)  # of probabilities: at 0 and 1 a logarithm has its pole
POSITIVE = Interval(0.5, 1.5)


def _require_weights(x: ArraySpec, **weights: ArraySpec | None) -> None:
    for name, weight in weights.items():
        if weight is not None:
            require_float(weight)
            if broadcast(x, weight) != x.shape:
                raise ShapeError(f"{name} {weight.shape} cannot be broadcast to x {x.shape}")


def _infer(
    x: ArraySpec, target: ArraySpec, weight: ArraySpec | None = None, reduction: str = "mean"
) -> ArraySpec:
    require_alike(x, target)
    _require_weights(x, weight=weight)
    return reduced_shape(x.shape, reduction)


def _times(target: Array, logarithm: Array) -> Array:
    """Return their product, which is 0 where the target is, whatever the logarithm."""
    y: Array = np.where(np.equal(target, 0), 0, target * logarithm)
    return y


def binary_cross_entropy(
    x: Array, target: Array, weight: Array | None = None, reduction: str = "mean"
) -> tuple[Array, Pullback]:
    """-weight * (target * log(x) + (1 - target) * log(1 - x)), x and target from 0 to 1.

    Its mean over all elements, its sum, or "none": one for each element. The weight is broadcast.

    VJP: dx = weight * (x - target) / (x * (1 - x)) * dy, dtarget = weight * log((1 - x) / x) * dy,
    dweight = the loss without it * dy, summed over broadcast axes; for the mean divided by the
    elements.
    Convention: at x = 0 and x = 1 a loss may be infinite; torch stops at 100, Keras 1e-7 before.
    """
    yes, no = np.log(x), np.log1p(-x)
    each = -(_times(target, yes) + _times(1 - target, no))
    loss = each if weight is None else each * weight

    def pullback(dy: Array) -> tuple[Array, ...]:
        share = shared(dy, reduction, np.shape(x))
        weighted = share if weight is None else share * weight
        dx = weighted * ((x - target) / (x * (1 - x)))
        dtarget = weighted * (no - yes)
        if weight is None:
            return dx, dtarget
        return dx, dtarget, unbroadcast(share * each, weight)

    return reduced(loss, reduction), pullback


def _logits_infer(
    x: ArraySpec,
    target: ArraySpec,
    weight: ArraySpec | None = None,
    pos_weight: ArraySpec | None = None,
    reduction: str = "mean",
) -> ArraySpec:
    require_alike(x, target)
    _require_weights(x, weight=weight, pos_weight=pos_weight)
    return reduced_shape(x.shape, reduction)


def _logarithms(x: Array) -> tuple[Array, Array]:
    """Return log sigmoid(x) and log sigmoid(-x): neither overflows, and no digits are lost."""
    rest = np.log1p(np.exp(-magnitude(x)))
    below = np.real(x) < 0
    return np.where(below, x - rest, -rest), np.where(below, -rest, -x - rest)


def _usual_loss(x: Array, target: Array, pos_weight: Any = 1) -> Array:
    """Return the loss from x itself and one logarithm, which cancel where it is small."""
    yes = _logarithms(x)[0]
    loss: Array = (1 - target) * x - (1 + (pos_weight - 1) * target) * yes
    return loss


def _exact_loss(x: Array, target: Array, pos_weight: Any = 1) -> Array:
    yes, no = _logarithms(x)
    loss: Array = -(pos_weight * target * yes + (1 - target) * no)
    return loss


def _usual_slope(x: Array, target: Array, pos_weight: Any = 1) -> Array:
    slope: Array = (1 - target) - (1 + (pos_weight - 1) * target) * sigmoid_value(-x)
    return slope


def _exact_slope(x: Array, target: Array, pos_weight: Any = 1) -> Array:
    slope: Array = (1 - target) * sigmoid_value(x) - pos_weight * target * sigmoid_value(-x)
    return slope


def binary_cross_entropy_with_logits(
    x: Array,
    target: Array,
    weight: Array | None = None,
    pos_weight: Array | None = None,
    reduction: str = "mean",
) -> tuple[Array, Pullback]:
    """-weight * (pos_weight * target * log s(x) + (1 - target) * log s(-x)), s the sigmoid.

    Its mean over all elements, its sum, or "none": one for each element. Both weights are
    broadcast.

    VJP: dx = weight * ((1 - target) * s(x) - pos_weight * target * s(-x)) * dy,
    dtarget = weight * (log s(-x) - pos_weight * log s(x)) * dy, dweight = the loss without it * dy,
    dpos_weight = -weight * target * log s(x) * dy, summed over broadcast axes; for the mean divided
    by the elements.
    """
    operands = (x, target) if pos_weight is None else (x, target, pos_weight)
    each = precise(_usual_loss, _exact_loss, *operands)
    loss = each if weight is None else each * weight

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        share = shared(dy, reduction, np.shape(x))
        weighted = share if weight is None else share * weight
        yes, no = _logarithms(x)
        dx = weighted * precise(_usual_slope, _exact_slope, *operands)
        dtarget = weighted * (no - (yes if pos_weight is None else pos_weight * yes))
        dweight = None if weight is None else unbroadcast(share * each, weight)
        if pos_weight is not None:
            return dx, dtarget, dweight, unbroadcast(-(weighted * target * yes), pos_weight)
        return (dx, dtarget) if weight is None else (dx, dtarget, dweight)

    return reduced(loss, reduction), pullback


def _weighted(loss: Any, weight: Any) -> Any:
    return loss if weight is None else loss * weight


def _torch(torch: Any, x: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """torch's kernel has no derivative for the weight."""
    function = torch.nn.functional.binary_cross_entropy

    def kernel(weight: Any) -> Any:
        return function(x, target, weight=weight, reduction=reduction)

    def composed(weight: Any) -> Any:
        return reduced_in_torch(torch, function(x, target, reduction="none") * weight, reduction)

    return kernel(None) if weight is None else with_slope(kernel, composed, weight)


def _tensorflow(tf: Any, x: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """Not keras.ops.binary_crossentropy, which moves x 1e-7 away from 0 and 1."""
    loss = -(target * tf.math.log(x) + (1 - target) * tf.math.log1p(-x))
    return reduced_in_tensorflow(tf, _weighted(loss, weight), reduction)


def _jax(jax: Any, x: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    special = jax.scipy.special
    loss = -(special.xlogy(target, x) + special.xlog1py(1 - target, -x))
    return reduced_in_jax(jax, _weighted(loss, weight), reduction)


def _logits_torch(
    torch: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    pos_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """torch's kernel has no derivative for the weights."""
    F = torch.nn.functional

    def kernel(weight: Any, pos_weight: Any) -> Any:
        return F.binary_cross_entropy_with_logits(
            x, target, weight=weight, pos_weight=pos_weight, reduction=reduction
        )

    def composed(weight: Any, pos_weight: Any) -> Any:
        yes = _weighted(target * F.logsigmoid(x), pos_weight)
        loss = -(yes + (1 - target) * F.logsigmoid(-x))
        return reduced_in_torch(torch, _weighted(loss, weight), reduction)

    if weight is None and pos_weight is None:
        return kernel(None, None)
    return with_slope(kernel, composed, weight, pos_weight)


def _logits_tensorflow(
    tf: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    pos_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    if pos_weight is None:
        loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=x)
    else:
        loss = tf.nn.weighted_cross_entropy_with_logits(target, x, pos_weight)
    return reduced_in_tensorflow(tf, _weighted(loss, weight), reduction)


def _logits_jax(
    jax: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    pos_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    yes, no = jax.nn.log_sigmoid(x), jax.nn.log_sigmoid(-x)
    loss = -(_weighted(target * yes, pos_weight) + (1 - target) * no)
    return reduced_in_jax(jax, _weighted(loss, weight), reduction)


PROBABILITIES = {"x": (4, 3), "target": (4, 3)}

register(
    Op(
        "binary_cross_entropy",
        binary_cross_entropy,
        infer=_infer,
        native={
            "torch": _torch,
            "tensorflow": _tensorflow,
            "jax": _jax,
        },
        domain={"x": INSIDE, "target": INSIDE, "weight": POSITIVE},
        examples=(
            Example("binary_cross_entropy(x, target)", PROBABILITIES),
            Example("binary_cross_entropy(x, target)", {"x": (), "target": ()}),
            *reductions("binary_cross_entropy(x, target", PROBABILITIES),
            Example(
                "binary_cross_entropy(x, target, weight, reduction='none')",
                {**PROBABILITIES, "weight": (4, 1)},
            ),
            Example("binary_cross_entropy(x, target, weight)", {**PROBABILITIES, "weight": (3,)}),
            Example(
                "binary_cross_entropy(x, target, reduction='sum')", {"x": (0, 2), "target": (0, 2)}
            ),
        ),
    )
)
register(
    Op(
        "binary_cross_entropy_with_logits",
        binary_cross_entropy_with_logits,
        infer=_logits_infer,
        native={"torch": _logits_torch, "tensorflow": _logits_tensorflow, "jax": _logits_jax},
        domain={"target": INSIDE, "weight": POSITIVE, "pos_weight": POSITIVE},
        examples=(
            Example("binary_cross_entropy_with_logits(x, target)", PROBABILITIES),
            *reductions("binary_cross_entropy_with_logits(x, target", PROBABILITIES),
            Example(
                "binary_cross_entropy_with_logits(x, target, weight)",
                {**PROBABILITIES, "weight": (4, 1)},
            ),
            Example(
                "binary_cross_entropy_with_logits(x, target, pos_weight=p, reduction='sum')",
                {**PROBABILITIES, "p": (3,)},
            ),
            Example(
                "binary_cross_entropy_with_logits(x, target, weight, pos_weight)",
                {**PROBABILITIES, "weight": (), "pos_weight": (4, 3)},
            ),
        ),
        loses_digits=True,
    )
)
