"""Complex arrays, compared as they are: a last axis of two holds real and imaginary part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gradcmp.dtypes.arrays import in_parts
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Recording


def split(pair: Pair, recordings: Mapping[str, Recording]) -> tuple[dict[str, Recording], set[str]]:
    """Return both sides with complex arrays in parts, and the names of these.

    What is complex on one side and real on the other stays as it is: it is of two kinds.
    """
    sides = [recordings[label].tensors for label in (pair.actual, pair.expected)]
    names = {name for side in sides for name, array in side.items() if array.dtype.kind == "c"}
    names = {n for n in names if all(s[n].dtype.kind == "c" for s in sides if n in s)}
    if not names:
        return dict(recordings), names
    found = dict(recordings)
    for label, one in recordings.items():
        if names & {*one.tensors}:
            parts = {n: in_parts(a) if n in names else a for n, a in one.tensors.items()}
            found[label] = replace(one, values=parts, gradients={})
    return found, names
