"""Class numbers as labels: which class each row has, which rows count, and how much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.losses.reduction import reduced, shared
from gradcmp.ops.primitives import constant, spread, total
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, ShapeError
from gradcmp.ops.static import require_int


def require_classes(name: str, x: ArraySpec, labels: ArraySpec) -> Shape:
    """Return the shape of the rows of x, whose axis 1 is that of the classes.

    Raises
    ------
    ShapeError
        Unless x is (samples, classes, ...) and the labels are one class number for each row.
    """
    require_float(x)
    if labels.kind != "int":
        raise ShapeError(f"the labels are of kind '{labels.kind}', and must be class numbers")
    rows = x.shape[:1] + x.shape[2:]
    if len(x.shape) < 2 or not x.shape[1] or len(labels.shape) == 1 != len(rows):
        raise ShapeError(f"{name} {x.shape} are not (samples, classes), at least one class")
    if labels.shape != rows:
        raise ShapeError(f"labels {labels.shape} are not one for each row of {x.shape}")
    return rows


def require_weight(x: ArraySpec, weight: ArraySpec | None) -> None:
    """Refuse weights that are not one for each class."""
    if weight is not None:
        require_float(weight)
        if weight.shape != x.shape[1:2]:
            raise ShapeError(f"weight {weight.shape} is not one for each of {x.shape[1]} classes")


def require_ignore_index(ignore_index: int | None) -> None:
    """Refuse what is neither None nor an integer."""
    if ignore_index is not None:
        require_int("ignore_index", ignore_index)


def label_bounds(
    x: ArraySpec,
    labels: ArraySpec,
    *weight: ArraySpec | None,
    ignore_index: int | None = None,
    **_: object,
) -> tuple[range | None, ...]:
    """Return which labels there are; where one is ignored the others are left to the reference."""
    known = labels.kind == "int" and ignore_index is None
    return (None, range(x.shape[1]) if known else None, *(None for _ in weight))


def along_classes(each: Array, ndim: int) -> Array:
    """Return numbers of the classes so that they broadcast along axis 1 of `ndim` axes."""
    return np.reshape(each, (-1,) + (1,) * (ndim - 2))


@dataclass(frozen=True)
class Labels:
    """The labels of rows.

    Attributes
    ----------
    hit : array of bool
        (samples, classes, ...): whether it is the label's class.
    named : array of int
        A class number for each row; 0 for one that has none.
    ignored : array of bool or None
        The rows that do not count; None where all do.
    outside : array of bool or None
        The rows whose label is no class; None where there is none.
    """

    hit: Array
    named: Array
    ignored: Array | None = None
    outside: Array | None = None

    @classmethod
    def of(cls, labels: Array, classes: int, ignore_index: int | None) -> Labels:
        """Read labels."""
        numbers = along_classes(np.arange(classes), np.ndim(labels) + 1)
        hit = np.expand_dims(labels, 1) == numbers
        ignored = None if ignore_index is None else labels == ignore_index
        named, outside = labels, None
        if ignored is not None:
            named = np.where(ignored, 0, labels)
        if isinstance(named, np.ndarray):  # what explains itself is handed right ones
            beyond = np.logical_or(named < 0, named >= classes)
            if beyond.any():
                named, outside = np.where(beyond, 0, named), beyond
        return cls(hit, named, ignored, outside)

    def pick(self, x: Array) -> Array:
        """Return each row's element at its label."""
        column = np.expand_dims(self.named, 1)
        return np.squeeze(np.take_along_axis(x, column, axis=1), 1)

    def weights(self, weight: Array | None) -> Array | None:
        """Return the weight of each row: that of its class."""
        return None if weight is None else np.take(weight, self.named, axis=0)

    def kept(self, each: Array) -> Array:
        """Return a number for each row: 0 where it is ignored, NaN where it has no class."""
        if self.ignored is not None:
            each = np.where(self.ignored, 0, each)
        return (
            each if self.outside is None else np.where(self.outside, constant(np.nan, each), each)
        )


@dataclass(frozen=True)
class Weighted:
    """The losses of rows, joined into one.

    The mean divides by the weights of the rows that count: by how many, where none is given. Where
    no row counts it is 0 / 0, NaN; the gradient is zero all the same, for no row has a part in it.

    Attributes
    ----------
    value : array
        The mean or the sum, or a loss for each row.
    divisor : array or None
        What the mean divides by; None for the number of rows.
    shares : callable
        Makes the cotangent of the value into that of each row's loss.
    """

    value: Array
    divisor: Array | None
    shares: Callable[[Array], Array]

    @classmethod
    def of(cls, each: Array, labels: Labels, weights: Array | None, reduction: str) -> Weighted:
        """Join the losses, into which the weights have gone already."""
        loss, shape = labels.kept(each), np.shape(each)
        divisor = None
        if reduction == "mean" and (weights is not None or labels.ignored is not None):
            of_rows = np.ones_like(np.real(each)) if weights is None else weights
            divisor = total(labels.kept(of_rows))

        def shares(dy: Array) -> Array:
            if divisor is None:
                return labels.kept(spread(shared(dy, reduction, shape), shape))
            return labels.kept(spread(_quotient(dy, divisor), shape))

        value = reduced(loss, reduction) if divisor is None else _quotient(total(loss), divisor)
        return cls(value, divisor, shares)


def _quotient(x: Array, y: Array) -> Array:
    """Return x / y, where 0 / 0 is a finding and no warning."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Array = x / y
    return z


def all_but_classes(x: Array) -> Array:
    """Return the sum over all axes but that of the classes."""
    return total(x, tuple(i for i in range(np.ndim(x)) if i != 1))


def weight_cotangent(joined: Weighted, labels: Labels, each: Array, share: Array) -> Array:
    """Return the cotangent of class weights from rows that have theirs by their labels.

    dw_c = sum of share * each over the rows of class c; for a mean, of share * (each - mean).
    """
    if joined.divisor is not None:
        each = each - joined.value
    rows = np.expand_dims(labels.kept(share * each), 1)
    return all_but_classes(np.where(labels.hit, rows, 0))
