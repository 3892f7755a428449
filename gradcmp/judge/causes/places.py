"""Where elements disagree, in words: what they have in common, for any number of axes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gradcmp.dtypes.arrays import Mask
from gradcmp.judge.causes.evidence import Evidence, multiples

FILLED = 0.75  # share of a place that must disagree for it to be the place
FEW = 4  # indices, or ranges of them, that are listed
LINES = {1: ("element",), 2: ("row", "column")}  # by number of axes; more have none


def where(evidence: Evidence) -> str:
    """Describe where two arrays of one shape disagree; empty where nothing short is true."""
    if not evidence.same_shape:
        return ""
    far = multiples(evidence.actual, evidence.expected, evidence.spread)
    wrong: Mask = np.asarray(far > evidence.limit)
    if not evidence.parts:
        return place(wrong)
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
        if (len(_ranges(right)), len(right)) < (len(_ranges(along)), len(along)):
            best = share, f"all is right {_named(wrong.ndim, axis, right)}"
        elif len(_ranges(along)) <= FEW:
            best = share, f"all of it {_named(wrong.ndim, axis, along)}"
    return best[1]


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
