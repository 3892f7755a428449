"""Saved recordings of one case, judged as a run judges: nobody but NumPy computes again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gradcmp.case import REFERENCE, Auto, Tolerance
from gradcmp.errors import RecordingError
from gradcmp.judge.case import judge
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.elementwise.tolerance import DEFAULTS
from gradcmp.judge.fixed import NO_INPUTS, without_noise
from gradcmp.judge.recorded.reference import (
    MISFIT,
    RECOMPUTED,
    recompute_reference,
    require_computable,
)
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Array, Origin, Recording

# Of the largest number of a tensor, in most of its elements: no rounding explains so much where
# the noise does not.
FOREIGN, MOST = 0.1, 0.5


def judge_saved(
    origin: Origin,
    recordings: Mapping[str, Recording],
    tolerance: Tolerance,
    pairs: Sequence[Pair] = (),
) -> CaseVerdict:
    """Judge recordings of one case.

    Under tolerance auto the float64 reference is computed again from what the backends were
    handed. A recorded one is the reference where it says the same; else it is one of those that
    are judged. Old recordings may have lost what they were handed: the table by dtype serves.

    Parameters
    ----------
    recordings : mapping of str to Recording
        By label.
    pairs : sequence of Pair, optional
        Only these are held together, and the reference is no side of them unless it was recorded;
        without them every pair is, those with the reference first.

    Raises
    ------
    RecordingError
        When arrays are not those that the case is of.
    """
    case = replace(origin.case, tolerance=tolerance)
    recorded = next((label for label, each in recordings.items() if is_reference(each)), "")
    base = recompute_reference(origin, recordings) if isinstance(tolerance, Auto) else None
    if base is None:
        plain = replace(case, tolerance=without_noise(tolerance))
        try:
            judged = judge(plain, recorded, recordings, pairs=pairs or None)
        except MISFIT:  # while it asked why they differ
            if recorded:
                require_computable(origin, recordings[recorded])
            raise
        return replace(judged, not_auto=NO_INPUTS if isinstance(tolerance, Auto) else "")
    twins = {label: each.twin for label, each in recordings.items() if each.twin}
    reference = recorded if recorded and _repeats(base, recordings[recorded]) else ""
    if not reference:
        reference = _free(RECOMPUTED, recordings)
    by_label = {reference: base, **recordings}
    if not pairs:
        return judge(case, reference, by_label, twins)
    witnesses = [Pair(label, reference) for label in recordings if label != reference]
    judged = judge(case, reference, by_label, twins, dict.fromkeys(pairs), witnesses=witnesses)
    for pair in pairs:
        _require_body(judged, pair, base)
    return judged


def is_reference(recording: Recording) -> bool:
    """Whether it is the float64 reference's, which the truth is told by."""
    name = recording.backend.replace(":", ",").split(",")[0]
    return name == REFERENCE and recording.dtype == "float64"


def _repeats(base: Recording, recorded: Recording) -> bool:
    """Whether a recorded reference is what NumPy computes here, to float64's own tolerance."""
    return all(
        name in recorded.tensors
        and compare(recorded.tensors[name], array, DEFAULTS["float64"]).agrees
        for name, array in base.tensors.items()
    )


def _free(label: str, taken: Mapping[str, Recording]) -> str:
    while label in taken:
        label += " again"
    return label


def _require_body(judged: CaseVerdict, pair: Pair, base: Recording) -> None:
    """Refuse two recordings that agree with each other on what their graph does not say."""
    for name, array in base.values.items():
        if name in judged.comparisons[pair] and judged.comparisons[pair][name].agrees:
            sides = [_foreign(judged, label, name, array) for label in (pair.actual, pair.expected)]
            if all(sides):
                raise RecordingError(
                    f"the recordings of {pair} agree on '{name}', and it is not what their graph "
                    f"gives from their inputs",
                    way_out="Record them again, or compare them by another tolerance than auto",
                )


def _foreign(judged: CaseVerdict, label: str, name: str, array: Array) -> bool:
    compared = {**judged.witnesses, **judged.comparisons}
    held = compared.get(Pair(label, judged.reference), {}).get(name)
    if held is None or held.agrees:
        return False
    size = float(np.max(np.abs(array), initial=0.0))
    return not held.total or (
        held.share > MOST and not held.statistics.max_absolute <= FOREIGN * size
    )
