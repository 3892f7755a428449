"""Does a backend give the same bits twice? If not, how far apart are its runs?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcmp.case import Ulp
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Array, Failure, Recording

FEW_BYTES = 1 << 16  # that are copied in less time than views are made


def unsteady(runs: Sequence[Recording]) -> dict[str, Comparison]:
    """Compare repeated runs of one backend with the first, bit by bit.

    Returns
    -------
    dict of str to Comparison
        For each tensor whose bits differ in any run, the comparison with the run that is
        furthest from the first. Signed zeros and payloads of NaN count as bits.
    """
    first, *others = runs
    found: dict[str, Comparison] = {}
    for other in others:
        for name, array in first.tensors.items():
            again = other.tensors.get(name)
            if again is not None and same_bits(again, array):
                continue
            none = np.zeros(0) if again is None else again  # of another shape: it disagrees
            comparison = compare(none, array, Ulp(0))
            if name not in found or comparison.statistics.max_ulp > found[name].statistics.max_ulp:
                found[name] = comparison
    return found


def same_bits(one: Array, other: Array) -> bool:
    """Whether two arrays are the same to the last bit."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    if one.nbytes <= FEW_BYTES:
        return one.tobytes() == other.tobytes()
    return bool(np.array_equal(_bytes(one), _bytes(other)))


def _bytes(array: Array) -> Array:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def with_worse(verdict: CaseVerdict, other: CaseVerdict) -> CaseVerdict:
    """Return the verdict on one run with what another run of the same case has worse.

    A tensor that disagrees in any run disagrees, and what is known of it is what that run tells.
    A backend that fails in any run has failed; what it computed in another one is judged.
    """
    verdict = _with_lost(verdict, other)
    worse = [
        (pair, name)
        for pair, by in other.comparisons.items()
        for name, comparison in by.items()
        if _gravity(comparison) > _gravity(verdict.comparisons.get(pair, {}).get(name))
    ]
    if not worse:
        return verdict
    taken: dict[str, dict[Pair, dict[str, Any]]] = {}
    for part in ("comparisons", "findings", "divergences"):
        mine, theirs = getattr(verdict, part), getattr(other, part)
        taken[part] = {pair: dict(by) for pair, by in mine.items()}
        for pair, name in worse:
            if name in theirs.get(pair, {}):
                taken[part].setdefault(pair, {})[name] = theirs[pair][name]
    groups = {name: other.groups[name] for _, name in worse if name in other.groups}
    return replace(verdict, groups={**verdict.groups, **groups}, **taken)  # type: ignore[arg-type]


def _with_lost(verdict: CaseVerdict, other: CaseVerdict) -> CaseVerdict:
    """Return a verdict with the backends that failed in one of two runs and answered in one."""
    outcomes, lost = dict(verdict.outcomes), dict(verdict.interrupted)
    for label, mine in verdict.outcomes.items():
        theirs = other.outcomes.get(label, mine)
        if isinstance(mine, Failure) and isinstance(theirs, Recording):
            outcomes[label] = theirs
            lost.setdefault(label, _of_one_run(mine))
        if isinstance(theirs, Failure) and isinstance(mine, Recording):
            lost.setdefault(label, _of_one_run(theirs))
    new = {pair: by for pair, by in other.comparisons.items() if pair not in verdict.comparisons}
    return replace(
        verdict, outcomes=outcomes, interrupted=lost, comparisons={**verdict.comparisons, **new}
    )


def _of_one_run(failure: Failure) -> Failure:
    """Return a failure of a backend that is there: whatever was said of its absence, it counts."""
    return replace(failure, message=f"in one of the runs: {failure.message}", required=True)


def _gravity(comparison: Comparison | None) -> int:
    """Return 2 for a disagreement, 1 for a warning, 0 for anything else."""
    if comparison is None:
        return 0
    return 2 * (not comparison.agrees) + comparison.verdict.warns
