"""Losses of logarithms of probabilities."""

from __future__ import annotations

import numpy as np

from gradcmp.ops.losses.cross_entropy import CLASS_WEIGHTS
from gradcmp.ops.losses.labels import (
    Labels,
    Weighted,
    label_bounds,
    require_classes,
    require_ignore_index,
    require_weight,
    weight_cotangent,
)
from gradcmp.ops.losses.native_classes import NLL
from gradcmp.ops.losses.reduction import REDUCTIONS, reduced_shape
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, ArraySpec, Example, Integers, Op, Pullback


def _nll_infer(
    log_p: ArraySpec,
    labels: ArraySpec,
    weight: ArraySpec | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
) -> ArraySpec:
    require_ignore_index(ignore_index)
    rows = require_classes("logarithms", log_p, labels)
    require_weight(log_p, weight)
    return reduced_shape(rows, reduction)


def nll_loss(
    log_p: Array,
    labels: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
) -> tuple[Array, Pullback]:
    """-w log_p at each row's label, the classes being axis 1: cross_entropy without the softmax.

    w is the weight of the label's class, else 1; reduction and ignore_index as in cross_entropy.

    VJP: dlog_p = -w * dy at the label, else 0, dw_c = -sum of log_p at the labels c * dy; for the
    mean divided by the sum of w, of which w is a part.
    Convention: torch ignores -100 unless told otherwise; here nothing is ignored.
    """
    known = Labels.of(labels, np.shape(log_p)[1], ignore_index)
    picked, weights = -known.pick(log_p), known.weights(weight)
    each = picked if weights is None else weights * picked
    joined = Weighted.of(each, known, weights, reduction)

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        share = joined.shares(dy)
        slope = share if weights is None else share * weights
        dlog_p = np.where(known.hit, -np.expand_dims(slope, 1), 0)
        if weight is None:
            return dlog_p, None
        return dlog_p, None, weight_cotangent(joined, known, picked, share)

    return joined.value, pullback


register(
    Op(
        "nll_loss",
        nll_loss,
        infer=_nll_infer,
        native=NLL,
        domain={"labels": Integers(0, 3), "weight": CLASS_WEIGHTS},
        examples=(
            Example("nll_loss(log_p, labels)", {"log_p": (5, 4), "labels": (5,)}),
            *(
                Example(
                    f"nll_loss(log_p, labels, weight, '{reduction}', ignore_index=1)",
                    {"log_p": (3, 4, 2), "labels": (3, 2), "weight": (4,)},
                )
                for reduction in REDUCTIONS
            ),
            Example(
                "nll_loss(log_p, labels, ignore_index=-100, reduction='sum')",
                {"log_p": (3, 4), "labels": (3,)},
            ),
        ),
        bounds=label_bounds,
    )
)
