"""Hypotheses about places: the right numbers where others belong, or not added up."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from gradcmp.judge.causes.evidence import Evidence, Prediction, multiples

MOST_AXES = 4  # 24 permutations; of more axes only neighbours and the reverse order are tried


def transposed(evidence: Evidence) -> Iterator[Prediction]:
    """The axes are permuted, or the numbers are read in another order of the axes."""
    expected, noise = evidence.expected, evidence.spread
    shape = evidence.actual.shape
    for order in _orders(expected.ndim):
        name = "transposed" if len(order) == 2 else f"the axes are permuted to {order}"
        moved = expected.transpose(order)
        if moved.shape == shape:
            yield Prediction(name, moved, noise.transpose(order))
        elif moved.size == evidence.actual.size:
            text = f"{name}, then read in the shape {shape}"
            yield Prediction(text, moved.reshape(shape), noise.transpose(order).reshape(shape))
    if expected.size == evidence.actual.size and not evidence.same_shape:
        text = f"the same numbers in the shape {shape}, not {expected.shape}"
        yield Prediction(text, expected.reshape(shape), noise.reshape(shape))


def _orders(ndim: int) -> list[tuple[int, ...]]:
    """Return permutations of the axes, those that move the fewest first."""
    identity = tuple(range(ndim))
    if ndim <= MOST_AXES:
        orders = set(permutations(identity)) - {identity}
    else:
        orders = {(*identity[:i], i + 1, i, *identity[i + 2 :]) for i in range(ndim - 1)}
        orders |= {identity[::-1]}
    return sorted(orders, key=lambda order: (sum(a != i for i, a in enumerate(order)), order))


def reversed_order(evidence: Evidence) -> Iterator[Prediction]:
    """One axis runs backwards, or all of them."""
    for axis in range(evidence.expected.ndim):
        yield Prediction(
            f"reversed along axis {axis}",
            np.flip(evidence.expected, axis),
            np.flip(evidence.spread, axis),
        )
    if evidence.expected.ndim > 1:
        yield Prediction(
            "reversed along every axis", np.flip(evidence.expected), np.flip(evidence.spread)
        )


def rolled(evidence: Evidence) -> Iterator[Prediction]:
    """Everything is one place further along an axis, and the last comes first."""
    for axis in range(evidence.expected.ndim):
        for step in (1, -1):
            value = np.roll(evidence.expected, step, axis)
            noise = np.roll(evidence.spread, step, axis)
            yield Prediction(f"rolled by {step:+d} along axis {axis}", value, noise)


def without_one(evidence: Evidence) -> Iterator[Prediction]:
    """One row, one column, one slice of an axis is not there."""
    actual, expected = evidence.actual, evidence.expected
    for axis, length in enumerate(expected.shape):
        if actual.shape != (*expected.shape[:axis], length - 1, *expected.shape[axis + 1 :]):
            continue
        ahead = np.take(expected, range(length - 1), axis)
        spread = np.take(evidence.spread, range(length - 1), axis)
        off = multiples(actual, ahead, spread) > evidence.limit
        parted = np.flatnonzero(off.any(axis=tuple(a for a in range(off.ndim) if a != axis)))
        index = int(parted[0]) if parted.size else length - 1
        text = f"index {index} of axis {axis} is missing"
        value, noise = (np.delete(x, index, axis) for x in (expected, evidence.spread))
        yield Prediction(text, value, noise)


def is_bent(evidence: Evidence, axis: int | None = None) -> bool:
    """Whether the numbers along an axis, or along any, are not on a straight line."""
    if axis is None:
        return any(is_bent(evidence, one) for one in range(evidence.expected.ndim))
    if not evidence.expected.shape[axis] > 2:
        return False
    bends = np.abs(np.diff(evidence.expected, 2, axis))
    return bool(np.any(bends > 4 * evidence.limit * np.max(evidence.spread)))


def shifted(evidence: Evidence) -> Iterator[Prediction]:
    """Everything is one place further along an axis; what enters at the edge is free."""
    for axis in range(evidence.expected.ndim):
        if not is_bent(evidence, axis):
            continue  # a straight line that is shifted is a line with a constant added
        for step, edge in ((1, 0), (-1, -1)):
            value = np.roll(evidence.expected, step, axis)
            noise = np.roll(evidence.spread, step, axis)
            np.moveaxis(noise, axis, 0)[edge] = np.inf
            yield Prediction(f"shifted by {step:+d} along axis {axis}", value, noise)


def reduced(evidence: Evidence) -> Iterator[Prediction]:
    """A sum over an axis is missing, or one too many; or one slice stands for the sum."""
    yield from _unsummed(evidence)
    yield from _oversummed(evidence)
    if evidence.same_shape:
        yield from _sliced(evidence)


def _unsummed(evidence: Evidence) -> Iterator[Prediction]:
    actual, expected = evidence.actual, evidence.expected
    for axes in _axes(actual.ndim):
        if not _leaves(actual.shape, axes, expected.shape):
            continue
        for verb, function in (("summed", np.sum), ("averaged", np.mean)):
            yield Prediction(
                f"not {verb} over {_words(axes)}",
                expected,
                evidence.spread,
                seen=np.asarray(function(actual, axis=axes)).reshape(expected.shape),
            )


def _oversummed(evidence: Evidence) -> Iterator[Prediction]:
    actual, expected = evidence.actual, evidence.expected
    for axes in _axes(expected.ndim):
        if not _leaves(expected.shape, axes, actual.shape):
            continue
        for verb, function in (("summed", np.sum), ("averaged", np.mean)):
            yield Prediction(
                f"{verb} over {_words(axes)}, which belongs to the result",
                np.asarray(function(expected, axis=axes)).reshape(actual.shape),
                np.asarray(function(evidence.spread, axis=axes)).reshape(actual.shape),
            )


def _leaves(shape: tuple[int, ...], axes: tuple[int, ...], left: tuple[int, ...]) -> bool:
    """Whether a reduction over `axes`, all longer than 1, leaves a shape, up to axes of 1."""
    rest = [n for axis, n in enumerate(shape) if axis not in axes and n != 1]
    return all(shape[axis] > 1 for axis in axes) and rest == [n for n in left if n != 1]


def _sliced(evidence: Evidence) -> Iterator[Prediction]:
    """Find a tensor that sums to the expected one, and of which only one slice was taken."""
    expected = evidence.expected
    for name, tensor in evidence.others.items():
        if not expected.size < tensor.size:
            continue
        for axes in _axes(tensor.ndim):
            if not _leaves(tensor.shape, axes, expected.shape):
                continue
            total = np.asarray(tensor.sum(axis=axes)).reshape(expected.shape)
            if not np.allclose(total, expected, rtol=1e-9, atol=0.0):  # both are float64
                continue
            for place, index in (("first", 0), ("last", -1)):
                key = tuple(index if axis in axes else slice(None) for axis in range(tensor.ndim))
                text = f"only the {place} of '{name}' along {_words(axes)}, not the sum"
                value = tensor[key].reshape(expected.shape)
                yield Prediction(text, value, evidence.spread)


def _axes(ndim: int) -> Iterator[tuple[int, ...]]:
    """Return sets of axes, the smallest first."""
    for count in range(1, min(ndim, MOST_AXES) + 1):
        yield from combinations(range(ndim), count)


def _words(axes: tuple[int, ...]) -> str:
    return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"
