"""NaN and infinities: what all sides have alike proves nothing, and of a NaN input ops differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcmp.graph import Graph
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Array, Recording

GRADIENT = "d "


@dataclass(frozen=True)
class NonFinite:
    """What is not finite in one recording of finite inputs.

    Attributes
    ----------
    counts : mapping of str to int
        How many elements, by tensor, as on screen; only of those that have some.
    born : str
        Where the first came about, in words.
    """

    counts: Mapping[str, int]
    born: str


def nonfinite(graph: Graph, recordings: Mapping[str, Recording]) -> dict[str, NonFinite]:
    """Return, by label, what is not finite though nothing that it is made from is.

    An infinity in an input may be meant, as a mask is: it may lead to infinities, and to NaN it
    may not. Of what a NaN in an input leads to nothing is said.
    """
    found = {}
    for label, recording in recordings.items():
        given = [recording.tensors[name] for name in graph.inputs if name in recording.tensors]
        masks = any(map(_count, given))
        if masks and any(_count(array, infinities=False) for array in given):
            continue
        counts = {
            name: count
            for name, array in recording.tensors.items()
            if name not in graph.inputs and (count := _count(array, infinities=not masks))
        }
        if counts:
            found[label] = NonFinite(counts, _born(graph, counts))
    return found


def warned(
    pair: Pair, comparisons: Mapping[str, Comparison], found: Mapping[str, NonFinite]
) -> dict[str, Comparison]:
    """Return comparisons of which none agrees without a word where something is not finite."""
    sides = [found[label] for label in (pair.actual, pair.expected) if label in found]

    def judged(name: str, comparison: Comparison) -> Comparison:
        counts = [side.counts[name] for side in sides if name in side.counts]
        if not counts or not comparison.agrees or comparison.verdict.reason == "non-finite":
            return comparison
        detail = (
            f"NaN or infinity in {max(counts)} of {comparison.total} elements of both, "
            f"{sides[0].born}"
        )
        return replace(comparison, verdict=Verdict(True, "non-finite", detail))

    return {name: judged(name, comparison) for name, comparison in comparisons.items()}


def _count(array: Array, infinities: bool = True) -> int:
    """Return how many elements are NaN, or infinite."""
    if array.dtype.kind not in "fcV" or not array.size:
        return 0
    with np.errstate(all="ignore"):
        total = np.add.reduce(array, None)
        if np.isfinite(total):
            return 0
        return int(np.count_nonzero(~np.isfinite(array) if infinities else np.isnan(array)))


def _born(graph: Graph, counts: Mapping[str, int]) -> str:
    """Describe where the first of what is not finite came about.

    In the forward pass at the first node that has one; in the backward pass, in the pullback that
    makes one from numbers that are finite.
    """
    reads = graph.reads
    values = [name for name in reads if name in counts]
    if values:
        return f"from node '{values[0]}' on"
    for name in (*reversed(reads), *graph.inputs):
        if GRADIENT + name in counts:
            users = _users(reads, name)
            finite = [user for user in users if GRADIENT + user not in counts]
            maker = finite or users or [name]
            return f"from the pullback of node '{maker[-1]}' on"
    return "in a step of an expression"


def _users(reads: Mapping[str, Iterable[str]], name: str) -> list[str]:
    return [node for node, sources in reads.items() if name in sources]
