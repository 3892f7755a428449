"""At which stage of a compiler a side begins to be wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict, Pair, Stage
from gradcmp.recording import Failure, Outcome

Comparisons = Mapping[Pair, Mapping[str, Comparison]]


@dataclass(frozen=True)
class Ladder:
    """A compiled side that may be wrong, or has failed, and the modes on the way to its own.

    Attributes
    ----------
    label : str
        What reports call it.
    modes : tuple of str
        The first compiles nothing; the last is its own.
    tensors : set of str
        What disagrees; nothing of a side that has failed.
    """

    label: str
    modes: tuple[str, ...]
    tensors: frozenset[str] = frozenset()

    def name(self, mode: str) -> str:
        """Return the label of a run in one of the modes."""
        return self.label if mode == self.modes[-1] else f"{self.label} in {mode}"

    @property
    def before(self) -> tuple[str, ...]:
        """The modes that it is to be run in once more."""
        return self.modes[:-1]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Each stage beside what is not compiled."""
        first, *others = self.modes
        return tuple(Pair(self.name(mode), self.name(first)) for mode in others)

    def stages(
        self, outcomes: Mapping[str, Outcome], comparisons: Comparisons, adds: Mapping[str, str]
    ) -> tuple[Stage, ...]:
        """Return what became of each stage.

        Parameters
        ----------
        outcomes : mapping of str to Recording or Failure
            By `name`, those of all modes.
        comparisons : mapping
            Of `pairs`, those that could be compared.
        adds : mapping of str to str
            What a mode adds to the one before, in words.
        """
        first, *others = self.modes
        failed = not self.tensors
        base = isinstance(outcomes[self.name(first)], Failure)
        found = [Stage(first, "", base if failed else (None if base else False))]
        for mode in others:
            outcome = outcomes[self.name(mode)]
            if failed or isinstance(outcome, Failure):
                wrong = isinstance(outcome, Failure) if failed else None
            else:
                by = comparisons.get(Pair(self.name(mode), self.name(first)))
                wrong = None if by is None else any(_apart(by.get(n)) for n in self.tensors)
            found.append(Stage(mode, adds[mode], wrong))
        return tuple(found)


def ladders(verdict: CaseVerdict, modes: Mapping[str, tuple[str, ...]]) -> Iterator[Ladder]:
    """Return the compiled sides that may be wrong; where somebody is named, those alone.

    Parameters
    ----------
    modes : mapping of str to tuple of str
        By label, of what is compiled, the modes from what is not compiled to its own.
    """
    for label, way in modes.items():
        outcome = verdict.outcomes.get(label)
        if isinstance(outcome, Failure):
            if outcome.kind in ("error", "crashed"):
                yield Ladder(label, way)
            continue
        tensors = frozenset(
            name
            for pair, name, _ in verdict.disagreements
            if label in _suspects(verdict, pair, name)
        )
        if tensors:
            yield Ladder(label, way, tensors)


def _suspects(verdict: CaseVerdict, pair: Pair, name: str) -> set[str]:
    """Return who of a pair may be wrong; the reference, a run of one of the sides, always may.

    Its own forward pass is what values are held against.
    """
    both = (pair.actual, pair.expected)
    named = {*(verdict.wrong_sides(pair, name) or both), *({verdict.reference} & {*both})}
    return {*named, *(one.removesuffix(",dtype=float64") for one in named)}


def _apart(comparison: Comparison | None) -> bool:
    return comparison is not None and (not comparison.agrees or comparison.verdict.warns)
