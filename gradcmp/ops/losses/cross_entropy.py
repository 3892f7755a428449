"""Losses of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcmp.ops.activations.softmax import log_softmax_value
from gradcmp.ops.losses.labels import (
    Labels,
    Weighted,
    all_but_classes,
    along_classes,
    label_bounds,
    require_classes,
    require_ignore_index,
    require_weight,
    weight_cotangent,
)
from gradcmp.ops.losses.native_classes import CROSS_ENTROPY
from gradcmp.ops.losses.reduction import REDUCTIONS, reduced, reduced_shape, shared
from gradcmp.ops.primitives import constant, spread, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Integers, Interval, Op, Pullback, ShapeError
from gradcmp.ops.static import require_number
from gradcmp.ops.tails import precise

CLASS_WEIGHTS = Interval(0.5, 1.5)


def _infer(
    logits: ArraySpec,
    labels: ArraySpec,
    weight: ArraySpec | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> ArraySpec:
    require_number("label_smoothing", label_smoothing, low=0)
    if label_smoothing > 1:
        raise ShapeError(f"label_smoothing is {label_smoothing}, and must be at most 1")
    require_ignore_index(ignore_index)
    if labels.kind == "float" and labels.shape == logits.shape:
        require_float(logits)
        if ignore_index is not None:
            raise ShapeError("labels that are probabilities have no class number to ignore")
        if len(logits.shape) < 2 or not logits.shape[1]:
            raise ShapeError(f"logits {logits.shape} are not (samples, classes)")
        rows = logits.shape[:1] + logits.shape[2:]
    else:
        rows = require_classes("logits", logits, labels)
    require_weight(logits, weight)
    return reduced_shape(rows, reduction)


def cross_entropy(
    logits: Array,
    labels: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Array, Pullback]:
    """-sum of w_c q_c log softmax(logits)_c over the classes c, which are axis 1.

    q is the label: 1 at its class and 0 elsewhere, or probabilities in the shape of the logits;
    smoothed it is (1 - s) q + s / classes. w are the weights of the classes, else 1. Its mean, its
    sum, or "none": one for each row. Rows whose label is ignore_index count for nothing. The mean
    divides by the sum of w over the rows' classes, and over no rows it is NaN, with a gradient of
    zero; for probabilities by the number of rows. A label that is no class makes its row NaN.

    VJP: dlogits = (softmax(logits) * sum(w q) - w q) * dy, dlabels = -w log softmax(logits) * dy
    for probabilities, dw_c = -sum(q_c log softmax(logits)_c) * dy; for the mean divided by what it
    divides by, of which w is a part.
    Convention: torch ignores -100 unless told otherwise; here nothing is ignored.
    Ref: Szegedy et al. (2016), section 7, for smoothing.
    """
    log_p = log_softmax_value(logits, axis=1)
    if labels.dtype.kind not in "iu":
        return _of_probabilities(log_p, labels, weight, reduction, label_smoothing)
    known = Labels.of(labels, np.shape(logits)[1], ignore_index)
    smooth = Smoothing.of(log_p, weight, label_smoothing)
    weights = known.weights(weight)
    picked = smooth.keep(-known.pick(log_p))
    each = picked if weights is None else weights * picked
    joined = Weighted.of(smooth.add(each), known, weights, reduction)

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        share = joined.shares(dy)
        hit, p = known.hit, np.exp(log_p)
        dx = precise(
            lambda p: np.where(hit, p - 1, p),
            lambda p: np.where(hit, -total(np.where(hit, 0, p), 1, keepdims=True), p),
            p,
        )
        if weights is not None:
            dx = dx * np.expand_dims(weights, 1)
        dlogits = smooth.add_slope(smooth.keep(dx), p) * np.expand_dims(share, 1)
        if weight is None:
            return dlogits, None
        dw = weight_cotangent(joined, known, picked, share)
        return dlogits, None, smooth.add_to_weight(dw, share)

    return joined.value, pullback


@dataclass(frozen=True)
class Smoothing:
    """The share of the label that goes to all classes alike.

    Attributes
    ----------
    log_p : array
        (samples, classes, ...).
    weight : array or None
        One for each class, to be broadcast to `log_p`.
    amount : float
        s, of which each class gets s / classes.
    """

    log_p: Array
    weight: Array | None
    amount: float

    @classmethod
    def of(cls, log_p: Array, weight: Array | None, amount: float) -> Smoothing:
        """Bring weights beside the classes."""
        beside = None if weight is None else along_classes(weight, np.ndim(log_p))
        return cls(log_p, beside, amount)

    @property
    def part(self) -> Any:
        """What each class gets."""
        return constant(self.amount / np.shape(self.log_p)[1], self.log_p)

    def keep(self, x: Array) -> Array:
        """Return what is left of the label's own: (1 - s) x."""
        kept: Array = x * constant(1 - self.amount, x) if self.amount else x
        return kept

    def add(self, each: Array) -> Array:
        """Add the loss of each row that has all classes alike."""
        if not self.amount:
            return each
        alike = self.log_p if self.weight is None else self.log_p * self.weight
        added: Array = each - self.part * total(alike, 1)
        return added

    def add_slope(self, slope: Array, p: Array) -> Array:
        """Add its slope: (sum of w) p - w."""
        if not self.amount:
            return slope
        if self.weight is None:
            alike = np.shape(p)[1] * p - 1
        else:
            alike = total(self.weight) * p - self.weight
        added: Array = slope + self.part * alike
        return added

    def add_to_weight(self, dw: Array, share: Array) -> Array:
        """Add to the cotangent of the weights what comes from all classes alike."""
        if not self.amount:
            return dw
        alike = all_but_classes(self.log_p * np.expand_dims(share, 1))
        added: Array = dw - self.part * alike
        return added


def _of_probabilities(
    log_p: Array, labels: Array, weight: Array | None, reduction: str, amount: float
) -> tuple[Array, Pullback]:
    smooth = Smoothing.of(log_p, weight, amount)
    q = smooth.keep(labels)
    if amount:
        q = q + smooth.part
    weighted = q if smooth.weight is None else q * smooth.weight
    loss = -total(weighted * log_p, 1)

    def pullback(dy: Array) -> tuple[Array, ...]:
        share = spread(shared(dy, reduction, np.shape(loss)), np.shape(loss))
        each = np.expand_dims(share, 1)
        dlogits = (np.exp(log_p) * total(weighted, 1, keepdims=True) - weighted) * each
        dlabels = -smooth.keep(log_p * each)
        if smooth.weight is None:
            return dlogits, dlabels
        dw = -all_but_classes(q * log_p * each)
        return dlogits, dlabels * smooth.weight, dw

    return reduced(loss, reduction), pullback


def _call(
    logits: Array,
    labels: Array,
    reduction: str = "mean",
    weight: Array | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> None:
    """Let the reduction stand third, as it did before there were weights."""


ROWS = {"logits": (5, 4), "labels": (5,)}
PIXELS = {"logits": (2, 4, 3), "labels": (2, 3)}
SOFT = {"logits": (5, 4), "q": (5, 4)}

register(
    Op(
        "cross_entropy",
        cross_entropy,
        infer=_infer,
        native=CROSS_ENTROPY,
        domain={"labels": Integers(0, 3), "weight": CLASS_WEIGHTS, "q": Interval(0.1, 0.9)},
        examples=(
            Example("cross_entropy(logits, labels)", {"logits": (4, 3), "labels": (4,)}),
            *(
                Example(f"cross_entropy(logits, labels, reduction='{reduction}')", ROWS)
                for reduction in REDUCTIONS
            ),
            *(
                Example(
                    "cross_entropy(logits, labels, weight=weight, ignore_index=2, "
                    f"label_smoothing=0.1, reduction='{reduction}')",
                    {**PIXELS, "weight": (4,)},
                )
                for reduction in REDUCTIONS
            ),
            Example("cross_entropy(logits, labels, ignore_index=1)", ROWS),
            Example("cross_entropy(logits, labels, label_smoothing=0.25)", PIXELS),
            Example("cross_entropy(logits, labels, 'mean', weight)", {**ROWS, "weight": (4,)}),
            Example("cross_entropy(logits, softmax(q, axis=1))", SOFT),
            Example("cross_entropy(logits, softmax(q, axis=1), 'none', label_smoothing=0.1)", SOFT),
            Example(
                "cross_entropy(logits, q, weight=weight, label_smoothing=0.1, reduction='sum')",
                {"logits": (2, 4, 3), "q": (2, 4, 3), "weight": (4,)},
            ),
        ),
        loses_digits=True,
        call=_call,
        bounds=label_bounds,
    )
)
