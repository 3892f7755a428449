"""Complex arrays, compared as they are: a last axis of two holds real and imaginary part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gradcmp.dtypes import COMPLEX
from gradcmp.dtypes.arrays import in_parts
from gradcmp.graph.walk import spec_of
from gradcmp.judge.verdict import Pair
from gradcmp.parts.graph import graph_of
from gradcmp.recording import Recording


def split(pair: Pair, recordings: Mapping[str, Recording]) -> tuple[dict[str, Recording], set[str]]:
    """Return both sides with complex arrays in parts, and the names of these.

    A recording has the complex numbers of its case in parts already. What else is complex on one
    side and real on the other stays as it is: it is of two kinds.
    """
    sides = [recordings[label] for label in (pair.actual, pair.expected)]
    known = [_parted(side) for side in sides]

    def is_whole(name: str) -> bool:
        return all(
            side.tensors[name].dtype.kind == "c" or name in parted
            for side, parted in zip(sides, known, strict=True)
            if name in side.tensors
        )

    found = dict(recordings)
    names = {name for side in sides for name, x in side.tensors.items() if x.dtype.kind == "c"}
    names = {name for name in names if is_whole(name)}
    for label, one in recordings.items():
        if any(one.tensors[name].dtype.kind == "c" for name in names & {*one.tensors}):
            parts = {
                name: in_parts(x) if name in names and x.dtype.kind == "c" else x
                for name, x in one.tensors.items()
            }
            found[label] = replace(one, values=parts, gradients={})
    return found, names


def _parted(recording: Recording) -> frozenset[str]:
    """Return the tensors that a recording of complex numbers has in parts."""
    case = recording.origin.case if recording.origin else None
    if case is None or case.dtype not in COMPLEX or not case.graph:
        return frozenset()
    if any(name not in recording.values for name in case.inputs):
        return frozenset()
    given = {name: spec_of(recording.values[name]) for name in case.inputs}
    whole = graph_of(case, given).whole
    return frozenset((*whole, *(f"d {name}" for name in whole)))
