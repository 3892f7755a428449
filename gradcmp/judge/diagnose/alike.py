"""Who computed the same of one tensor, told by its comparisons alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import Pair

KINK = "kink"  # agrees, and is another choice all the same


def is_same(comparison: Comparison) -> bool:
    """Whether two sides computed the same: at a kink another choice is not."""
    return comparison.agrees and comparison.verdict.reason != KINK


def homes(labels: Iterable[str], comparisons: Mapping[Pair, Comparison]) -> dict[str, str]:
    """Return for each label the first one that computed the same; itself where none did."""
    found: dict[str, str] = {}
    for label in labels:
        firsts = dict.fromkeys(found.values())
        found[label] = next((one for one in firsts if _same(label, one, comparisons)), label)
    return found


def _same(label: str, other: str, comparisons: Mapping[Pair, Comparison]) -> bool:
    pairs = (Pair(label, other), Pair(other, label))
    return any(is_same(comparisons[pair]) for pair in pairs if pair in comparisons)
