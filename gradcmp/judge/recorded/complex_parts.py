"""Complex arrays, compared as they are: a last axis of two holds real and imaginary part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Array, Recording

PARTS = "complex: index 0 of the last axis is the real part, 1 the imaginary part"


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


def in_parts(array: Array) -> Array:
    """Return a complex array as a real one with an axis more."""
    whole = np.asarray(array, order="C")
    native = whole.astype(whole.dtype.newbyteorder("="), copy=False)
    parts: Array = native[..., None].view(native.real.dtype)
    return parts


def told(comparisons: Mapping[str, Comparison], names: set[str]) -> dict[str, Comparison]:
    """Return comparisons that say which part is which, where complex numbers disagree."""

    def said(name: str, comparison: Comparison) -> Comparison:
        if name not in names or comparison.agrees:
            return comparison
        verdict = comparison.verdict
        detail = f"{verdict.detail}; {PARTS}" if verdict.detail else PARTS
        return replace(comparison, verdict=replace(verdict, detail=detail))

    return {name: said(name, comparison) for name, comparison in comparisons.items()}
