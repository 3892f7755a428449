"""Hypotheses about sums of another tensor's rows: all of them, or those of each index."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gradcmp.dtypes import FORMATS
from gradcmp.judge.causes.evidence import Evidence, Prediction, multiples
from gradcmp.judge.elementwise.segments import Float

WIDTH = 2  # numbers in a row: of one alone, any is found among many
MOST = 1 << 24  # elements that are looked at, rows times rows


def partly_added(evidence: Evidence) -> Iterator[Prediction]:
    """Rows of another tensor belong to a sum, and are stored instead, or left out, or added again.

    An embedding's gradient is such a sum, and so is that of whatever is gathered by indices.
    """
    expected = evidence.expected
    if not evidence.same_shape or expected.ndim < 2 or expected[0].size < WIDTH:
        return
    for name, tensor in evidence.others.items():
        if tensor.ndim < 2:
            continue
        rows = tensor.reshape(-1, *tensor.shape[tensor.ndim - expected.ndim + 1 :])
        if rows.shape[1:] == expected.shape[1:] and rows.size * len(expected) <= MOST:
            yield from _of_rows(evidence, name, rows)


def _of_rows(evidence: Evidence, name: str, rows: Float) -> Iterator[Prediction]:
    actual, expected = evidence.actual, evidence.expected
    far = multiples(actual, expected, evidence.spread) > evidence.limit
    wrong = np.flatnonzero(far.any(axis=tuple(range(1, far.ndim))))
    if len(wrong) == len(expected):
        return
    nothing = np.zeros_like(expected)
    forms: tuple[tuple[str, Float, float], ...] = (
        (f"single rows of '{name}' are stored where several are to be added up", nothing, 1.0),
        (f"rows of '{name}' are left out of the sum", expected, -1.0),
        (f"rows of '{name}' are added twice", expected, 1.0),
    )
    for text, start, sign in forms:
        value, noise = expected.copy(), evidence.spread.copy()
        for row in wrong:
            found = sign * rows[_nearest(sign * (actual[row] - start[row]), rows)]
            value[row] = start[row] + found
            noise[row] += FORMATS[evidence.dtype].u * np.abs(found)
        yield Prediction(text, value, noise, free=len(wrong))


def _nearest(row: Float, rows: Float) -> npt.NDArray[np.intp]:
    apart = np.abs(rows - row).reshape(len(rows), -1).max(axis=1)
    return np.argmin(np.where(np.isnan(apart), np.inf, apart))  # type: ignore[return-value]


def part_of_a_sum(evidence: Evidence) -> Iterator[Prediction]:
    """Of the rows of another tensor that it is the sum of, the first or last are added up alone."""
    expected = evidence.expected
    if not evidence.same_shape or not expected.ndim:
        return
    for name, tensor in evidence.others.items():
        if tensor.ndim <= expected.ndim or tensor.shape[-expected.ndim :] != expected.shape:
            continue
        rows = tensor.reshape(-1, *expected.shape)
        for place, ordered in (("first", rows), ("last", rows[::-1])):
            sums = np.cumsum(ordered, axis=0)
            noise = evidence.spread + FORMATS[evidence.dtype].u * np.abs(expected)
            if np.max(multiples(sums[-1], expected, noise)) > evidence.limit:
                break  # it is no sum of these
            count = int(np.argmin(np.abs(sums - evidence.actual).reshape(len(sums), -1).max(1))) + 1
            if count < len(sums):
                text = f"only the {place} {count} of the {len(sums)} rows of '{name}' are added up"
                yield Prediction(text, sums[count - 1], evidence.spread)
