"""Where elements disagree, in words: what they have in common, for any number of axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from gradcmp.dtypes.arrays import Mask
from gradcmp.judge.causes.evidence import DECADES, Evidence, aligned, multiples
from gradcmp.judge.elementwise.segments import Float

FILLED = 0.75  # share of a place that must disagree for it to be the place
FEW = 4  # ranges of indices that are listed
SINGLE = 8  # indices that are listed, whether they are neighbours or not
LINES = {1: ("element",), 2: ("row", "column")}  # by number of axes; more have none


def where(evidence: Evidence) -> str:
    """Describe where two arrays of one shape disagree; empty where nothing short is true."""
    if not evidence.same_shape:
        return ""
    far = multiples(evidence.actual, evidence.expected, evidence.spread)
    wrong: Mask = np.asarray(far > evidence.limit)
    if not evidence.parts:
        return place(wrong) or threshold(wrong, evidence.others)
    for part, words in enumerate(("real part", "imaginary part")):
        if wrong[..., part].any() and not wrong[..., 1 - part].any():
            at = place(np.asarray(wrong[..., part]))
            return f"{at}, in the {words}" if at else f"all of it in the {words}"
    either: Mask = wrong[..., 0] | wrong[..., 1]
    return place(either)


def place(wrong: Mask) -> str:
    """Describe where a mask is true: at indices of an axis, or by a diagonal.

    What is true everywhere, or at a single element, has no place beside its index.
    """
    if np.count_nonzero(wrong) < 2 or wrong.all():
        return ""
    found = [_at_one(wrong), *_beside_a_diagonal(wrong), _at_some(wrong)]
    return next((text for text in found if text), "")


def _at_one(wrong: Mask) -> str:
    """Name the axes along which everything that is wrong has the same index."""
    named = [
        _named(wrong.ndim, axis, along)
        for axis in range(wrong.ndim)
        if wrong.shape[axis] > 1 and len(along := _along(wrong, axis)) == 1
    ]
    return f"all of it {' and '.join(named)}" if named else ""


def _at_some(wrong: Mask) -> str:
    """Name the fewest indices of one axis, those that are wrong or those that are right."""
    best: tuple[float, str] = (1.0, "")
    for axis, length in enumerate(wrong.shape):
        along = _along(wrong, axis)
        share = len(along) / length
        filled = np.count_nonzero(wrong) / (wrong.size * share)
        right = np.setdiff1d(np.arange(length), along)
        if not right.size or filled < FILLED or share >= best[0]:
            continue
        if len(right) < len(along) and _is_short(right):
            best = share, f"all is right {_named(wrong.ndim, axis, right)}"
        elif _is_short(along):
            best = share, f"all of it {_named(wrong.ndim, axis, along)}"
    return best[1]


def _is_short(indices: npt.NDArray[np.intp]) -> bool:
    return len(_ranges(indices)) <= FEW or len(indices) <= SINGLE


def part(wrong: Mask, telling: Mask, beside: Mask | None = None) -> str:
    """Describe what part of a tensor a mask covers; empty where it is no part that has a name.

    Parameters
    ----------
    telling : mask
        Of which most that are in the part must be wrong, and no others.
    beside : mask, optional
        What could belong to the part, as far as can be told; everything unless it is given.
    """
    if wrong.all() or not wrong.any():
        return ""
    found: list[tuple[int, str]] = []
    for axis in range(wrong.ndim):
        along = _along(wrong, axis)
        inside: Mask = np.zeros(wrong.shape, dtype=bool)
        np.moveaxis(inside, axis, 0)[along] = True
        words = _stretch(wrong.ndim, axis, along, wrong.shape[axis])
        if words and _is_filled(wrong, inside & telling) and _is_within(inside, beside):
            found.append((int(np.count_nonzero(inside)), words))
    if found:
        return min(found)[1]
    places = np.flatnonzero(wrong)
    first = int(places[0])
    behind: Mask = np.reshape(np.arange(wrong.size) >= first, wrong.shape)
    if beside is not None:
        others = np.flatnonzero(~beside.reshape(-1)[:first])
        first = int(others[-1]) + 1 if others.size else 0
    if first > 0 and _is_filled(wrong, np.asarray(behind & telling)):
        return f"from element {first} of {wrong.size} on, in the order of memory"
    return next((text.removeprefix("all of it ") for text in _beside_a_diagonal(wrong)), "")


def _is_filled(wrong: Mask, inside: Mask) -> bool:
    return bool(inside.any()) and bool(np.mean(wrong[inside]) >= FILLED)


def _is_within(inside: Mask, beside: Mask | None) -> bool:
    return beside is None or bool(beside[inside].all())


def _stretch(ndim: int, axis: int, along: npt.NDArray[np.intp], length: int) -> str:
    """Name indices of an axis; a block at either end by where it begins or ends."""
    if len(along) == length or not _is_short(along):
        return ""
    is_block = along[-1] - along[0] == len(along) - 1 > 0
    if is_block and along[-1] == length - 1:
        return f"from {_one(ndim, axis, along[0])} on"
    if is_block and along[0] == 0:
        return f"up to {_one(ndim, axis, along[-1])}"
    return _named(ndim, axis, along)


def _one(ndim: int, axis: int, index: int) -> str:
    return f"{LINES[ndim][axis]} {index}" if ndim in LINES else f"index {index} of axis {axis}"


def _beside_a_diagonal(wrong: Mask) -> Iterator[str]:
    """Compare the last two axes, where they are as long as each other, with their diagonal."""
    if wrong.ndim < 2 or wrong.shape[-1] != wrong.shape[-2] or wrong.shape[-1] < 3:
        return
    ones = np.ones(wrong.shape[-2:], dtype=bool)
    diagonal, above = np.eye(len(ones), dtype=bool), np.triu(ones, 1)
    parts = {
        "on the diagonal": diagonal,
        "off the diagonal": ~diagonal,
        "above the diagonal": above,
        "below the diagonal": above.T,
    }
    for words, part in parts.items():
        inside = np.broadcast_to(part, wrong.shape)
        if not wrong[~inside].any() and np.mean(wrong[inside]) >= FILLED:
            of = "" if wrong.ndim == 2 else " of the last two axes"
            yield f"all of it {words}{of}"


def _along(wrong: Mask, axis: int) -> npt.NDArray[np.intp]:
    others = tuple(other for other in range(wrong.ndim) if other != axis)
    return np.flatnonzero(wrong.any(axis=others))


def _named(ndim: int, axis: int, indices: npt.NDArray[np.intp]) -> str:
    """Write indices of an axis: ``at index 5 of axis 2``, ``in rows 1 to 4``."""
    several = len(indices) > 1
    listed = _listed([f"{a}" if a == b else f"{a} to {b}" for a, b in _ranges(indices)])
    if ndim in LINES:
        return f"in {LINES[ndim][axis]}{'s' if several else ''} {listed}"
    return f"at {'indices' if several else 'index'} {listed} of axis {axis}"


def _ranges(indices: npt.NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return the first and last of each run of neighbours; two neighbours are no run."""
    runs = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    found: list[tuple[int, int]] = []
    for run in runs:
        ends = [(run[0], run[-1])] if len(run) > 2 else [(one, one) for one in run]
        found += [(int(a), int(b)) for a, b in ends]
    return found


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def threshold(wrong: Mask, others: Mapping[str, Float]) -> str:
    """Return beyond which number of which tensor all is wrong, and nothing else; or nothing."""
    count = int(np.count_nonzero(wrong))
    if not 0 < count < wrong.size or _decades(wrong.size, count) < DECADES:
        return ""
    return next((text for name, one in others.items() for text in _beyond(wrong, name, one)), "")


def _beyond(wrong: Mask, name: str, tensor: Float) -> Iterator[str]:
    for form in aligned(tensor, wrong.shape):
        if tensor.size != wrong.size or not np.isfinite(form).all():
            continue
        for sign, words, x in (
            (1, f"'{name}' is at least", form),
            (-1, f"'{name}' is at most", form),
            (1, f"the size of '{name}' is at least", np.abs(form)),
            (-1, f"the size of '{name}' is at most", np.abs(form)),
        ):
            inside, outside = sign * x[wrong], sign * x[~wrong]
            if inside.min() > outside.max():
                yield f"all of it where {words} {sign * inside.min():.4g}"


def _decades(total: int, count: int) -> float:
    """Return how unlikely it is that chance chooses just the largest ones."""
    ways = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    return ways / math.log(10)
