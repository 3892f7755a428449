"""Who is off the truth, of two and of all: told by the truth alone, never by majority."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from gradcmp.judge.blame import Group, Groups, Ruling
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.diagnose.alike import KINK, is_same
from gradcmp.judge.diagnose.slopes import Truth
from gradcmp.judge.verdict import Finding, Pair
from gradcmp.recording import Array, Recording

Standing: TypeAlias = Literal["off", "right", "open"]

SURE = 4.0  # errors of the truth that two numbers must be apart, so that it can tell


def arbitrate(values: Mapping[str, float], truth: Truth | None, allowed: float) -> Ruling:
    """Describe which of two numbers is off the derivative, each judged by itself.

    They are further apart than `allowed`, so that at least one is off by half of it.

    Parameters
    ----------
    values : mapping of str to float
        By label, the two sides at one element.
    truth : Truth or None
        The derivative with respect to that element.
    allowed : float
        What the two may be apart: the limit of the noise, or the allowance of the tolerance.
    """
    if truth is None:
        return Ruling((), "there is no derivative to compare them with")
    numbers = [value for value in values.values() if math.isfinite(value)]
    if len(numbers) == len(values) and not max(numbers) - min(numbers) > SURE * truth.error:
        return Ruling((), f"{truth.method} in float64 is not exact enough to tell")
    found = {label: standing(value, truth, allowed / 2) for label, value in values.items()}
    return Ruling(
        tuple(label for label, one in found.items() if one == "off"),
        f"compared with {truth.method} in float64",
        tuple(label for label, one in found.items() if one == "right"),
        truth=(truth.rounded(truth.low), truth.rounded(truth.high)),
    )


def standing(value: float, truth: Truth, reach: float) -> Standing:
    """Return what one number is, held against what is right: a number, or all between two."""
    if not math.isfinite(value):
        if value in (truth.low, truth.high):
            return "right"
        finite = math.isfinite(truth.low) and math.isfinite(truth.high)
        no_single_slope = truth.end if finite else truth.low < truth.high
        return "open" if no_single_slope else "off"
    beyond = max(truth.low - value, value - truth.high, 0.0)
    if beyond > reach + truth.error:
        return "off"
    is_as_far_as_known = beyond < reach - truth.error or beyond <= truth.error
    return "right" if is_as_far_as_known else "open"


def merged(first: Ruling, second: Ruling) -> Ruling:
    """Return what two elements tell: who is off at one of them is off."""
    if not (first.off or first.right):
        return second
    off = tuple(dict.fromkeys((*first.off, *second.off)))
    right = tuple(label for label in (*first.right, *second.right) if label not in off)
    shown = first if first.off or not second.off else second
    certain = first.certain or second.certain
    return replace(shown, off=off, right=tuple(dict.fromkeys(right)), certain=certain)


def arbitrate_values(pair: Pair, reference: str, agrees: Mapping[str, bool]) -> Ruling:
    """Return the side whose value, not gradient, is wrong: the reference's forward pass defines it.

    Parameters
    ----------
    agrees : mapping of str to bool
        By label, whether this tensor agrees with the reference.
    """
    sides = (pair.actual, pair.expected)
    off = tuple(label for label in sides if label != reference and not agrees.get(label, True))
    right = tuple(label for label in sides if label == reference or agrees.get(label, False))
    return Ruling(off, "the reference's forward pass is the definition" if off else "", right)


def grouped(
    recordings: Mapping[str, Recording],
    comparisons: Mapping[Pair, Mapping[str, Comparison]],
    findings: Mapping[Pair, Mapping[str, Finding]],
) -> dict[str, Groups]:
    """Return, by tensor that differs or is wrong, who computed the same and who is off."""
    tensors = {label: recording.tensors for label, recording in recordings.items()}
    off = {name for by in findings.values() for name, one in by.items() if one.ruling.off}
    names = dict.fromkeys(
        name
        for by in comparisons.values()
        for name, one in by.items()
        if not one.agrees or name in off or one.verdict.reason == KINK
    )
    found = {name: _hearing(name, tensors, comparisons, findings).groups() for name in names}
    return {name: groups for name, groups in found.items() if groups}


def _hearing(
    name: str,
    recordings: Mapping[str, Mapping[str, Array]],
    comparisons: Mapping[Pair, Mapping[str, Comparison]],
    findings: Mapping[Pair, Mapping[str, Finding]],
) -> Hearing:
    held = {pair: by[name] for pair, by in comparisons.items() if name in by and by[name].total}
    labels = {label for pair in held for label in (pair.actual, pair.expected)}
    tensors = {
        label: by[name]
        for label, by in recordings.items()
        if label in labels and by[name].dtype.kind != "c"  # of which no truth is known
    }
    rulings = {pair: by[name].ruling for pair, by in findings.items() if name in by}
    return Hearing(tensors, held, {pair: one for pair, one in rulings.items() if pair in held})


@dataclass(frozen=True)
class Hearing:
    """All that is known of one tensor of one case.

    Attributes
    ----------
    tensors : mapping of str to array
        By label, of one shape.
    comparisons : mapping of Pair to Comparison
        Every pair that was compared.
    rulings : mapping of Pair to Ruling
        Those that were looked into.
    """

    tensors: Mapping[str, Array]
    comparisons: Mapping[Pair, Comparison]
    rulings: Mapping[Pair, Ruling]

    def groups(self) -> Groups | None:
        """Return who computed the same, and which groups are off.

        None where nobody differs or is off, and where elements do not stand beside each other.
        """
        told = {pair: self.rulings.get(pair, Ruling()) for pair in self.comparisons}
        if len({array.shape for array in self.tensors.values()}) != 1:
            return None
        parted = [
            pair
            for pair, one in self.comparisons.items()
            if not one.agrees or told[pair].off or one.verdict.reason == KINK
        ]
        found = [(pair, index) for pair in parted if (index := self._index(pair)) is not None]
        if not found:
            return None
        # Of equals the first, as in the sentence of the tensor.
        shown, index = max(found, key=lambda one: self._weight(one[0]))
        off = {label for one in told.values() for label in one.off}
        right = {label for one in told.values() for label in one.right}

        def is_wrong(labels: Sequence[str]) -> bool | None:
            some_off, some_right = not off.isdisjoint(labels), not right.isdisjoint(labels)
            return None if some_off == some_right else some_off

        return Groups(
            index,
            tuple(
                Group(tuple(labels), float(self.tensors[labels[0]][index]), is_wrong(labels))
                for labels in self._alike(index)
            ),
            told[shown].truth,
        )

    def _index(self, pair: Pair) -> tuple[int, ...] | None:
        ruling, worst = self.rulings.get(pair), self.comparisons[pair].worst
        if ruling and ruling.index is not None:
            return ruling.index
        return worst.index if worst else None

    def _weight(self, pair: Pair) -> tuple[bool, bool, float]:
        ruling, comparison = self.rulings.get(pair), self.comparisons[pair]
        excess = comparison.worst.excess if comparison.worst else 0.0
        is_told = ruling is not None and bool(ruling.off)
        return is_told, comparison.statistics.nonfinite > 0, 0.0 if math.isnan(excess) else excess

    def _alike(self, index: tuple[int, ...]) -> Sequence[list[str]]:
        """Return labels that agree each with each; at a kink another choice is not the same."""
        groups: list[list[str]] = []
        for label in self.tensors:
            home = next((g for g in groups if all(self._same(label, m, index) for m in g)), None)
            if home is None:
                groups.append([label])
            else:
                home.append(label)
        return groups

    def _same(self, label: str, other: str, index: tuple[int, ...]) -> bool:
        pairs = (Pair(label, other), Pair(other, label))
        for one in (self.comparisons[pair] for pair in pairs if pair in self.comparisons):
            return is_same(one)
        values = [np.float64(self.tensors[one][index]) for one in (label, other)]
        return bool(np.array_equal(values[:1], values[1:], equal_nan=True))
