"""The divergence of distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.losses.reduction import (
    REDUCTIONS,
    reduced,
    reduced_in_jax,
    reduced_in_tensorflow,
    reduced_shape,
    shared,
)
from gradcmp.ops.losses.regression import require_alike
from gradcmp.ops.primitives import total
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, ArraySpec, Example, Interval, Op, Pullback, ShapeError
from gradcmp.ops.static import require_bool

ALL_REDUCTIONS = (*REDUCTIONS, "batchmean")


def _kl_infer(
    x: ArraySpec, target: ArraySpec, reduction: str = "mean", log_target: bool = False
) -> ArraySpec:
    require_alike(x, target)
    require_bool("log_target", log_target)
    if reduction == "batchmean" and not x.shape:
        raise ShapeError("x () has no axis of samples to divide by")
    return reduced_shape(x.shape, reduction, ALL_REDUCTIONS)


def kl_div(
    x: Array, target: Array, reduction: str = "mean", log_target: bool = False
) -> tuple[Array, Pullback]:
    """target * (log(target) - x), x being logarithms: what x is wrong by for each element.

    With log_target the target is of logarithms, too: exp(target) * (target - x). Its mean over all
    elements, its sum, "batchmean": the sum divided by the samples, which is the divergence of
    Kullback and Leibler, or "none": one for each element. An element whose target is 0 is 0.

    VJP: dx = -target * dy, dtarget = (log(target) + 1 - x) * dy, or with log_target
    dx = -exp(target) * dy, dtarget = exp(target) * (target - x + 1) * dy; divided by what the mean
    divides by.
    Convention: x is what is judged, the first argument as in torch, but the divergence is that of
    the target from x. Optax and Keras take the target for the first or for probabilities.
    """
    if log_target:
        p, log_p = np.exp(target), target
        loss = p * (log_p - x)
    else:
        none = np.equal(target, 0)
        p, log_p = target, np.log(np.where(none, 1, target))
        loss = np.where(none, 0, p * (log_p - x))
    batch = reduction == "batchmean"
    value = total(loss) / np.shape(x)[0] if batch else reduced(loss, reduction)

    def pullback(dy: Array) -> tuple[Array, Array]:
        share = dy / np.shape(x)[0] if batch else shared(dy, reduction, np.shape(x))
        away = log_p + 1 - x
        return -p * share, (p * away if log_target else away) * share

    return value, pullback


def _kl_torch(
    torch: Any, x: Any, target: Any, reduction: str = "mean", log_target: bool = False
) -> Any:
    """torch warns of its own mean, which is to change."""
    kl_div = torch.nn.functional.kl_div
    if reduction == "mean":
        return torch.mean(kl_div(x, target, reduction="none", log_target=log_target))
    return kl_div(x, target, reduction=reduction, log_target=log_target)


def _kl_tensorflow(
    tf: Any, x: Any, target: Any, reduction: str = "mean", log_target: bool = False
) -> Any:
    loss = tf.exp(target) * (target - x) if log_target else target * (tf.math.log(target) - x)
    if reduction == "batchmean":
        return tf.reduce_sum(loss) / x.shape[0]
    return reduced_in_tensorflow(tf, loss, reduction)


def _kl_jax(
    jax: Any, x: Any, target: Any, reduction: str = "mean", log_target: bool = False
) -> Any:
    if log_target:
        loss = jax.numpy.exp(target) * (target - x)
    else:
        loss = jax.scipy.special.xlogy(target, target) - target * x
    if reduction == "batchmean":
        return jax.numpy.sum(loss) / x.shape[0]
    return reduced_in_jax(jax, loss, reduction)


ELEMENTS = {"x": (4, 3), "target": (4, 3)}

register(
    Op(
        "kl_div",
        kl_div,
        infer=_kl_infer,
        native={
            "torch": _kl_torch,
            "tensorflow": _kl_tensorflow,
            "jax": _kl_jax,
        },
        domain={"target": Interval(0.1, 0.9), "log_t": Interval(-2.0, 0.0)},
        examples=(
            Example("kl_div(x, target)", ELEMENTS),
            *(Example(f"kl_div(x, target, '{word}')", ELEMENTS) for word in ALL_REDUCTIONS),
            *(
                Example(
                    f"kl_div(x, log_t, reduction='{word}', log_target=True)",
                    {"x": (4, 3), "log_t": (4, 3)},
                )
                for word in ALL_REDUCTIONS
            ),
        ),
    )
)
