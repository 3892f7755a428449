"""Differences that numbers held in float32 explain: tables, buffers, literals of somebody's code.

Their digits are gone before anybody looks, so that they never shrink in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from gradcmp.case import DType
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.native.side import Side, attempted
from gradcmp.recording import Recording

REPLICAS = 8
LIMIT = 8.0  # times the spread
HELD = "a constant is held in float32, and in float64 the difference is no more than that leaves"


def forgive_constants(verdict: CaseVerdict, sides: Mapping[str, Side], dtype: DType) -> CaseVerdict:
    """Return *rounding* for every *note* that constants in float32 explain."""
    return forgive(verdict, lambda label: spread_of(sides[label], dtype) if label in sides else {})


def forgive(verdict: CaseVerdict, spread: Callable[[str], Mapping[str, Float]]) -> CaseVerdict:
    """Do the same by what is known of constants.

    Parameters
    ----------
    spread : callable
        Returns how far each tensor of a side, by its label, may be off by its constants; nothing
        for whoever is no function.
    """
    noted = {
        pair: [name for name, one in by.items() if one.verdict.reason == "note"]
        for pair, by in verdict.comparisons.items()
    }
    labels = {one for pair, names in noted.items() if names for one in (pair.actual, pair.expected)}
    spreads = {label: found for label in labels if (found := spread(label))}
    if not spreads:
        return verdict
    comparisons = {
        pair: {
            name: _judged(verdict, spreads, pair, name, one) if name in noted[pair] else one
            for name, one in by.items()
        }
        for pair, by in verdict.comparisons.items()
    }
    return replace(verdict, comparisons=comparisons)


def spread_of(side: Side, dtype: DType) -> dict[str, Float]:
    """Return how far each element moves when the constants move by one unit roundoff."""
    runs = attempted(partial(side.constants, REPLICAS), ())
    if not runs:
        return {}
    base, *moved = [run.tensors for run in (side.clean(dtype), *runs)]
    return {
        name: _root_mean_square([np.asarray(run[name], np.float64) - base[name] for run in moved])
        for name in base
        if all(name in run and run[name].shape == base[name].shape for run in moved)
    }


def _root_mean_square(deviations: list[Float]) -> Float:
    found: Float = np.sqrt(np.mean(np.square(deviations), axis=0))
    return found


def _judged(
    verdict: CaseVerdict,
    spreads: Mapping[str, Mapping[str, Float]],
    pair: Pair,
    name: str,
    seen: Comparison,
) -> Comparison:
    fine = [_float64(verdict, label, name) for label in (pair.actual, pair.expected)]
    if fine[0] is None or fine[1] is None or fine[0].shape != fine[1].shape:
        return seen
    spread = [
        found
        for label in (pair.actual, pair.expected)
        if (found := spreads.get(label, {}).get(name)) is not None
    ]
    if not spread or any(one.shape != fine[0].shape for one in spread):
        return seen
    allowed = LIMIT * np.sqrt(np.sum(np.square(spread), axis=0))
    if not np.all(np.abs(fine[0] - fine[1]) <= allowed):
        return seen
    return replace(seen, verdict=Verdict(True, "rounding", HELD))


def _float64(verdict: CaseVerdict, label: str, name: str) -> Float | None:
    for one in (verdict.twins.get(label), verdict.outcomes.get(label)):
        if isinstance(one, Recording) and one.dtype == "float64" and name in one.tensors:
            return np.asarray(one.tensors[name], np.float64)
    return None
