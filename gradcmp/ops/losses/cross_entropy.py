"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.activations.softmax import log_softmax_value
from gradcmp.ops.primitives import average, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Integers, Op, Pullback, ShapeError
from gradcmp.ops.static import require_choice
from gradcmp.ops.tails import precise

REDUCTIONS = ("mean", "sum", "none")


def _infer(logits: ArraySpec, labels: ArraySpec, reduction: str = "mean") -> ArraySpec:
    require_float(logits)
    require_choice("reduction", reduction, REDUCTIONS)
    if labels.kind != "int":
        raise ShapeError(f"the labels are of kind '{labels.kind}', and must be class numbers")
    if len(logits.shape) != 2 or 0 in logits.shape:
        raise ShapeError(f"logits {logits.shape} are not (samples, classes), at least one of each")
    if labels.shape != logits.shape[:1]:
        raise ShapeError(f"labels {labels.shape} are not one for each row of {logits.shape}")
    return ArraySpec(labels.shape if reduction == "none" else ())


def cross_entropy(logits: Array, labels: Array, reduction: str = "mean") -> tuple[Array, Pullback]:
    """-log softmax(logits) at each row's label; its mean, its sum, or "none": one for each row.

    VJP: dlogits = (softmax(logits) - onehot(labels)) * dy, for the mean divided by the rows.
    """
    rows = np.shape(logits)[0]
    column = np.expand_dims(labels, 1)
    log_p = log_softmax_value(logits, axis=1)
    loss = -np.squeeze(np.take_along_axis(log_p, column, axis=1), 1)
    hit = column == np.arange(np.shape(logits)[1])

    def pullback(dy: Array) -> tuple[Array, None]:
        share = dy / rows if reduction == "mean" else dy
        each = np.expand_dims(share, 1) if reduction == "none" else share
        p = np.exp(log_p)
        dx = precise(
            lambda p: np.where(hit, p - 1, p),
            lambda p: np.where(hit, -total(np.where(hit, 0, p), 1, keepdims=True), p),
            p,
        )
        return dx * each, None

    if reduction == "mean":
        return average(loss), pullback
    return total(loss) if reduction == "sum" else loss, pullback


def _tensorflow(tf: Any, logits: Any, labels: Any, reduction: str = "mean") -> Any:
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    reductions = {"mean": tf.reduce_mean, "sum": tf.reduce_sum, "none": tf.identity}
    return reductions[reduction](loss)


def _jax(jax: Any, logits: Any, labels: Any, reduction: str = "mean") -> Any:
    log_p = jax.nn.log_softmax(logits, axis=1)
    loss = -jax.numpy.take_along_axis(log_p, labels[:, None], axis=1)[:, 0]
    return loss if reduction == "none" else getattr(jax.numpy, reduction)(loss)


register(
    Op(
        "cross_entropy",
        cross_entropy,
        infer=_infer,
        native={
            "torch": lambda torch, logits, labels, reduction="mean": (
                torch.nn.functional.cross_entropy(logits, labels, reduction=reduction)
            ),
            "tensorflow": _tensorflow,
            "jax": _jax,
        },
        domain={"labels": Integers(0, 3)},
        examples=(
            Example("cross_entropy(logits, labels)", {"logits": (4, 3), "labels": (4,)}),
            *(
                Example(
                    f"cross_entropy(logits, labels, reduction='{reduction}')",
                    {"logits": (5, 4), "labels": (5,)},
                )
                for reduction in REDUCTIONS
            ),
        ),
        loses_digits=True,
    )
)
