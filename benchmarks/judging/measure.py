"""Judges every pair and every mutant of a run, by gradcmp's own judge and by its rivals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from benchmarks.judging.mutants import Mutant, applied, elementwise, structural
from benchmarks.judging.recording import Problem, Run
from benchmarks.judging.results import WITH, WITHOUT, WORST_FIRST, Judged, Killed, Measured
from benchmarks.judging.rivals import RIVALS
from gradcmp.dtypes import FORMATS
from gradcmp.judge import Comparison, Pair
from gradcmp.judge.auto.graph_noise import GraphNoise
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.auto.pair import RecordingPair, TensorPair
from gradcmp.ops import Array
from gradcmp.recording import Recording

# Times the actual noise: of a smaller effect chance may decide whether it shows at all.
LIVE = 3.0
STRUCTURAL_MUTANTS = 6  # for each problem


def measure(run: Run) -> Measured:
    """Judge every pair and every mutant of one run; its noise is calibrated once."""
    trial = Trial(run)
    return Measured(list(trial.pairs()), list(trial.kills()), list(trial.tightness()))


@dataclass(frozen=True)
class Trial:
    """One run and the noise of its graph."""

    run: Run

    @property
    def problem(self) -> Problem:
        return self.run.problem

    @cached_property
    def recordings(self) -> dict[str, Recording]:
        """By label, the reference first."""
        reference = self.problem.reference
        return {reference.backend: reference, **self.run.recordings}

    @cached_property
    def rule(self) -> NoiseJudge:
        source = GraphNoise(self.problem.graph, self.problem.reference)
        return NoiseJudge(source, source.reference.backend, self.recordings, self.run.twins)

    def pairs(self) -> Iterator[Judged]:
        """Compare every recording with the reference and with each other."""
        for expected, actual in combinations(self.recordings, 2):
            pair = Pair(actual, expected)
            held = self._hold_pair(pair)
            yield Judged(
                self.problem.case.name,
                pair,
                {what: _worst(by[what] for by in held.values()) for what in (WITH, WITHOUT)},
                _passed(
                    (self._tensor(actual, name), self._tensor(expected, name), self._dtype)
                    for name in self._compared
                ),
                _loudest({name: by[WITH] for name, by in held.items()}),
            )

    def kills(self) -> Iterator[Killed]:
        """Judge every live mutant on every backend."""
        rng = np.random.default_rng([self.problem.case.seed, 1])
        mutants = [
            *structural(self.problem, rng, STRUCTURAL_MUTANTS),
            *elementwise(self.problem, rng),
        ]
        for mutant in mutants:
            size = self._size(mutant)
            if size >= LIVE:
                for label in self.run.recordings:
                    yield from self._kill(mutant, size, label)

    def tightness(self) -> Iterator[float]:
        """Return for each gradient the noise that is expected over the error that was made."""
        reference = self.problem.reference
        for label, recording in self.run.recordings.items():
            for name in self.problem.case.wrt:
                error = np.asarray(recording.gradients[name], np.float64)
                error = error - reference.gradients[name]
                if np.any(error):
                    noise = self.rule.noise(f"d {name}", Pair(label, reference.backend))
                    yield float(np.sqrt(np.mean(np.square(noise)) / np.mean(np.square(error))))

    @property
    def _dtype(self) -> str:
        return self.problem.case.dtype

    @cached_property
    def _compared(self) -> tuple[str, ...]:
        """Names of the values of nodes and of all gradients; those of steps are not looked at."""
        known = (*self.problem.case.graph, *self.problem.case.inputs)
        tensors = [*self.problem.case.graph, *(f"d {name}" for name in known)]
        return tuple(
            name
            for name in tensors
            if name in self.problem.reference.tensors
            and self.problem.reference.tensors[name].dtype.kind == "f"
        )

    def _tensor(self, label: str, name: str) -> Array:
        return self.recordings[label].tensors[name]

    def _hold_pair(self, pair: Pair) -> dict[str, dict[str, Comparison]]:
        sides = self.rule.sides(pair)
        labels = (pair.actual, pair.expected)
        arrays = {name: [self._tensor(label, name) for label in labels] for name in self._compared}
        return self._hold(sides, [sides.match(name, *both) for name, both in arrays.items()])

    def _hold(
        self, sides: RecordingPair, tensors: Sequence[TensorPair]
    ) -> dict[str, dict[str, Comparison]]:
        """Judge tensors with their float64 runs and without, by name."""
        alone = [replace(tensor, float64=None) for tensor in tensors]
        with_float64, lacking = (self.rule.judge(sides, one) for one in (tensors, alone))
        return {
            name: {WITH: having, WITHOUT: lacking[name]} for name, having in with_float64.items()
        }

    @cached_property
    def _noise(self) -> Mapping[str, Array]:
        """The actual rounding errors of each input's gradient, RMS over the backends.

        At least half a step of the dtype, which no gradient can promise to undercut.
        """
        u = FORMATS[self.problem.case.dtype].u
        errors = {}
        for name in self.problem.case.wrt:
            g = self.problem.reference.gradients[name]
            squares = [
                np.square(np.asarray(recording.gradients[name], np.float64) - g)
                for recording in self.run.recordings.values()
            ]
            errors[name] = np.maximum(np.sqrt(np.mean(squares, axis=0)), u * np.abs(g))
        return errors

    def _size(self, mutant: Mutant) -> float:
        """Return the effect in units of the actual noise, of the gradient where it is largest."""
        sizes = []
        for name, effect in mutant.effects.items():
            where = effect != 0 if mutant.kind.startswith("one") else np.True_
            both = np.stack([effect, self._noise[name]])[:, where].reshape(2, -1)
            ours, actual = np.sqrt(np.mean(np.square(both), axis=1))
            if ours > 0:  # what underflows when squared is no effect
                sizes.append(float(ours / actual) if actual > 0 else np.inf)
        return max(sizes, default=0.0)

    def _kill(self, mutant: Mutant, size: float, label: str) -> Iterator[Killed]:
        """Judge what a bug would have made of one backend's gradients."""
        recording, twin = self.run.recordings[label], self.run.twins[label]
        truth = self.problem.reference.gradients
        wrong = {
            name: applied(recording.gradients[name], effect, self._dtype)
            for name, effect in mutant.effects.items()
        }
        if all(np.array_equal(a, recording.gradients[name]) for name, a in wrong.items()):
            return  # rounding to the dtype has undone it
        pair = Pair(label, self.problem.reference.backend)
        spoiled = [
            TensorPair(
                f"d {name}",
                (wrong[name], truth[name]),
                (applied(twin.gradients[name], effect, "float64"), truth[name]),
            )
            for name, effect in mutant.effects.items()
        ]
        held = self._hold(self.rule.sides(pair), spoiled).values()
        yield Killed(
            self.problem.case.name,
            label,
            replace(mutant, effects={}),  # nobody needs the arrays any more
            size,
            {what: _worst(by[what] for by in held) for what in (WITH, WITHOUT)},
            _passed((array, truth[name], self._dtype) for name, array in wrong.items()),
        )


def _worst(comparisons: Iterable[Comparison]) -> str:
    """Return the worst reason among tensors."""
    return min({c.verdict.reason for c in comparisons if c.total}, key=WORST_FIRST.index)


def _passed(arrays: Iterable[tuple[Array, Array, str]]) -> dict[str, bool]:
    held = list(arrays)
    return {rival.name: all(rival.passes(*one) for one in held) for rival in RIVALS}


def _loudest(comparisons: Mapping[str, Comparison]) -> str:
    measured = {name: c for name, c in comparisons.items() if c.noise and not c.noise.bound}
    if not measured:
        return "nothing needed a calibration"
    name = max(measured, key=lambda name: measured[name].noise.multiple)
    noise = measured[name].noise
    return f"{name}: r {noise.multiple:.3g}, p {noise.coherent:.3g}"
