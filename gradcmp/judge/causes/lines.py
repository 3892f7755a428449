"""Hypotheses about each row by itself: a term that a sum or a mean over the row belongs to.

The backward pass of a softmax or a norm subtracts from each row a sum over it times something: the
row of an output, of an input, or 1. Where such a term is missing or wrong, the difference of each
row is a multiple of that, and the multiples are any numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gradcmp.dtypes import FORMATS
from gradcmp.judge.causes.evidence import Evidence, Prediction, multiples
from gradcmp.judge.causes.layout import is_bent
from gradcmp.judge.elementwise.segments import Float

MARGIN = 3  # elements of a row that must be left to prove a fit
GLIMPSE = 4  # rows, those that are furthest off, that rule out most fits
MOST = 1 << 20  # elements: of more, a fit takes longer than the runs do
PART = 0.5  # of itself: a difference that is more of it is no term that is wrong
HINT = "as where a sum or mean is missing or wrong"
SCALED = "as with another eps, or a sum that is taken for 1"


def by_rows(evidence: Evidence) -> Iterator[Prediction]:
    """In each row the difference is a multiple of something, or of few things."""
    expected = evidence.expected
    if not evidence.same_shape or not expected.ndim or not 0 < expected.size <= MOST:
        return
    if not (np.isfinite(evidence.actual).all() and np.isfinite(expected).all()):
        return
    lines = {
        axis: Lines.of(evidence, axis)
        for axis in range(expected.ndim - 1, -1, -1)
        if 0 < expected.shape[axis] < expected.size
    }
    for kind in (_of_one, _with_a_constant, _beside_itself, _beside_itself_with_a_constant):
        fits = [
            found
            for axis, along in lines.items()
            for words, basis in kind(evidence, axis, along.others)
            if expected.shape[axis] >= len(basis) + MARGIN
            if (found := _fitted(evidence, along, words, basis)) is not None
            if found.residual(evidence) <= evidence.limit
        ]
        if fits:
            yield from fits
            return


Basis: TypeAlias = tuple[str, list[Float]]
Others: TypeAlias = Mapping[str, Float]


@dataclass(frozen=True)
class Lines:
    """A difference as lines along an axis.

    Attributes
    ----------
    off, spread, weight : array of shape (lines, elements)
        The difference, what noise may do, and the same where it can be divided by.
    few : array of int
        The lines that are furthest off.
    others : mapping of str to array
        The tensors beside this one that are not the same all along the axis.
    """

    axis: int
    off: Float
    spread: Float
    weight: Float
    few: npt.NDArray[np.intp]
    others: Others

    @classmethod
    def of(cls, evidence: Evidence, axis: int) -> Lines:
        """Return the lines along an axis."""
        off = _as_rows(evidence.actual - evidence.expected, axis)
        spread = _as_rows(evidence.spread, axis)
        weight = np.where((spread > 0) & np.isfinite(spread), spread, 1.0)
        few = np.argsort(np.max(np.abs(off) / weight, axis=1))[-GLIMPSE:]
        return cls(axis, off, spread, weight, few, _others(evidence, axis))


def _of_one(evidence: Evidence, axis: int, others: Others) -> Iterator[Basis]:
    row = _row(evidence.expected.ndim, axis)
    if axis == evidence.expected.ndim - 1:
        yield f"off by a factor of its own {row}", [evidence.expected]
    if is_bent(evidence, axis):  # of straight lines it is the same as to shift them
        yield f"off by a constant {row}, {HINT}", [np.ones(evidence.expected.shape)]
    for name, tensor in others.items():
        yield f"off by a multiple of '{name}' {row}, {HINT}", [tensor]


def _with_a_constant(evidence: Evidence, axis: int, others: Others) -> Iterator[Basis]:
    row, one = _row(evidence.expected.ndim, axis), np.ones(evidence.expected.shape)
    for name, tensor in others.items():
        yield f"off by a multiple of '{name}' and a constant {row}, {HINT}", [tensor, one]


def _beside_itself(evidence: Evidence, axis: int, others: Others) -> Iterator[Basis]:
    row = _row(evidence.expected.ndim, axis)
    for name, tensor in others.items():
        text = f"off by multiples of itself and of '{name}' {row}, {SCALED}"
        yield text, [evidence.expected, tensor]


def _beside_itself_with_a_constant(
    evidence: Evidence, axis: int, others: Others
) -> Iterator[Basis]:
    row, one = _row(evidence.expected.ndim, axis), np.ones(evidence.expected.shape)
    for name, tensor in others.items():
        text = f"off by multiples of itself, of '{name}' and a constant {row}, {SCALED}"
        yield text, [evidence.expected, tensor, one]


def _row(ndim: int, axis: int) -> str:
    if ndim == 2:
        return "in each row" if axis == 1 else "in each column"
    return f"in each line along axis {axis}"


def _others(evidence: Evidence, axis: int) -> Others:
    """Return the tensors beside this one that are not the same all along the axis."""
    found: dict[str, Float] = {}
    for name, forms in evidence.aligned.items():
        for form in forms:
            if np.isfinite(form).all() and np.any(np.diff(form, axis=axis)):
                found.setdefault(name, form)
    return found


def _fitted(evidence: Evidence, along: Lines, words: str, basis: list[Float]) -> Prediction | None:
    """Return the difference that fits best, row by row; None where a few rows do not fit."""
    off, spread, axis = along.off, along.spread, along.axis
    columns = np.stack([_as_rows(x, axis) for x in basis], -1)
    u = FORMATS[evidence.dtype].u

    def fit(rows: npt.NDArray[np.intp] | slice) -> tuple[Float, Float, Float]:
        times = _multiples(off[rows], columns[rows], along.weight[rows])
        part: Float = (columns[rows] @ times)[..., 0]
        return times, part, spread[rows] + u * np.abs(part)

    _, part, noise = fit(along.few)
    if np.max(multiples(off[along.few], part, noise)) > evidence.limit:
        return None
    times, part, noise = fit(slice(None))
    if (
        len(basis) > 1
        and basis[0] is evidence.expected
        and np.median(np.abs(times[:, 0, 0])) > PART
    ):
        return None
    shape = np.moveaxis(evidence.expected, axis, -1).shape
    part, noise = (np.moveaxis(x.reshape(shape), -1, axis) for x in (part, noise))
    value, free = evidence.expected + part, len(off) * len(basis)
    return Prediction(words, value, noise, free=free, of_rounding=True)


def _multiples(off: Float, columns: Float, weight: Float) -> Float:
    """Return how much of each column is nearest to each row, by weight."""
    scaled = columns / weight[..., None]
    size = np.sqrt(np.sum(np.square(scaled), axis=-2, keepdims=True))
    size = np.where(size > 0, size, 1.0)
    solved = np.linalg.pinv(scaled / size) @ (off / weight)[..., None]
    found: Float = solved / np.swapaxes(size, -1, -2)
    return found


def _as_rows(x: Float, axis: int) -> Float:
    return np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
