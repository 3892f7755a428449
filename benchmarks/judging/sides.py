"""One backend's recordings, right or with a bug in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from benchmarks.judging.mutants import Mutant, applied
from benchmarks.judging.recording import Problem
from gradcmp.case import DType
from gradcmp.judge.noise.own import POINTS, own_noise
from gradcmp.ops import Array
from gradcmp.recording import Recording

Runs: TypeAlias = Sequence[tuple[Recording, Recording]]
Effects: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True)
class Side:
    """One backend's recording and its float64 run, right or with a bug in them.

    Attributes
    ----------
    nudged : callable
        Returns the same at the nudged inputs; called only where digits were lost.
    """

    recording: Recording
    twin: Recording
    nudged: Callable[[], Runs]

    def earning(self, names: Iterable[str]) -> Side:
        """Return the side with the noise of its own code, for these tensors."""
        dtype: DType = self.recording.dtype
        own = own_noise(dtype, (self.recording, self.twin), self.nudged(), [*names])
        known = {**self.recording.own_noise, **own}
        return replace(self, recording=replace(self.recording, own_noise=known))


@dataclass
class Bug:
    """A mutant of one problem, with what it does there and at the nudged inputs."""

    mutant: Mutant
    problem: Problem
    effects: Effects = field(init=False)

    def __post_init__(self) -> None:
        self.effects = self.mutant.effects(self.problem)

    @cached_property
    def nudged(self) -> list[Effects]:
        """What it does at each of the nudged inputs."""
        return [self.mutant.effects(near) for near in self.problem.nudged]

    def put(self, recording: Recording, effects: Effects) -> Recording:
        """Return a recording as the bug would have made it, rounded to its dtype."""
        right = recording.gradients
        wrong = {name: applied(right[name], e, recording.dtype) for name, e in effects.items()}
        return replace(recording, gradients={**right, **wrong})

    def of(self, side: Side, alone: bool) -> Side:
        """Return a side with the bug, in its dtype alone or in float64, too."""

        def nudged() -> Runs:
            runs = side.nudged()
            effects = self.nudged if len(runs) == POINTS else []
            return [
                (self.put(coarse, by), fine if alone else self.put(fine, by))
                for (coarse, fine), by in zip(runs, effects, strict=False)
            ]

        twin = side.twin if alone else self.put(side.twin, self.effects)
        return Side(self.put(side.recording, self.effects), twin, nudged)
