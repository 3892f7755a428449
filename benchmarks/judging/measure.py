"""Judges every pair and every mutant of a run, by gradcmp's own judge and by its rivals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from benchmarks.judging.edges import EDGES
from benchmarks.judging.mutants import elementwise, structural
from benchmarks.judging.recording import Problem, Run
from benchmarks.judging.results import ALONE, WITH, WITHOUT, WORST_FIRST, Judged, Killed, Measured
from benchmarks.judging.rivals import RIVALS
from benchmarks.judging.sides import Bug, Side
from gradcmp.dtypes import FORMATS
from gradcmp.judge import Comparison, Pair
from gradcmp.judge.auto.graph_noise import GraphNoise
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.auto.tensors.pair import RecordingPair
from gradcmp.ops import Array
from gradcmp.recording import Recording

# Times the actual noise: of a smaller effect chance may decide whether it shows at all.
LIVE = 3.0
STRUCTURAL_MUTANTS = 6  # for each problem

Comparisons = dict[str, Comparison]


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
    def sides(self) -> dict[str, Side]:
        """The right sides by label, without the reference."""
        return {
            label: Side(
                recording, self.run.twins[label], lambda label=label: self.run.nudged[label]
            )
            for label, recording in self.run.recordings.items()
        }

    @cached_property
    def rule(self) -> NoiseJudge:
        source = GraphNoise(self.problem.graph, self.problem.reference)
        return NoiseJudge(source, source.reference.backend, self.recordings, self.run.twins)

    def pairs(self) -> Iterator[Judged]:
        """Compare every recording with the reference and with each other."""
        for expected, actual in combinations(self.recordings, 2):
            pair = Pair(actual, expected)
            held = self._judge(pair, self.sides, self._compared)
            lacking = self._judge(pair, self.sides, self._compared, float64=False)
            yield Judged(
                self.problem.case.name,
                pair,
                {WITH: _worst(held.values()), WITHOUT: _worst(lacking.values())},
                _passed(
                    (self._tensor(actual, name), self._tensor(expected, name), self._dtype)
                    for name in self._compared
                ),
                _loudest(held),
            )

    def kills(self) -> Iterator[Killed]:
        """Judge every live mutant on every backend."""
        rng = np.random.default_rng([self.problem.case.seed, 1])
        steady = self.problem.case.name.split()[0] in EDGES
        mutants = [
            *structural(self.problem, rng, STRUCTURAL_MUTANTS),
            *elementwise(self.problem, rng, steady),
        ]
        for bug in (Bug(mutant, self.problem) for mutant in mutants):
            size = self._size(bug)
            if size >= LIVE:
                for label in self.run.recordings:
                    yield from self._kill(bug, size, label)

    def tightness(self) -> Iterator[float]:
        """Return for each gradient the noise that is expected over the error that was made."""
        reference = self.problem.reference
        for label, recording in self.run.recordings.items():
            for name in self.problem.case.wrt:
                error = np.asarray(recording.gradients[name], np.float64)
                error = error - reference.gradients[name]
                if np.any(error) and np.all(np.isfinite(error)):
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

    def _judge(
        self, pair: Pair, sides: Mapping[str, Side], names: Sequence[str], float64: bool = True
    ) -> Comparisons:
        """Judge tensors of a pair as `gradcmp run` does: what is unearned once more.

        Gradients that a kink explains are judged together with all others.
        """
        found = self._once(pair, sides, names, float64)
        if unearned := {**self.rule.unearned}:
            earning = {label: sides[label].earning(of) for label, of in unearned.items()}
            found |= self._once(
                pair, {**sides, **earning}, sorted(set().union(*unearned.values())), float64
            )
        gradients = [name for name in self._compared if name.startswith("d ")]
        if any(one.verdict.reason == "kink" for one in found.values()):
            rest = [name for name in gradients if name not in found]
            every = found | self._once(pair, sides, rest, float64)
            paired = self._pair(pair, sides, float64)
            tensors = [self._match(paired, name) for name in gradients]
            found |= self.rule._calibrated.judge_together(paired, tensors, every)
        return found

    def _once(
        self, pair: Pair, sides: Mapping[str, Side], names: Sequence[str], float64: bool
    ) -> Comparisons:
        self.rule.unearned.clear()
        paired = self._pair(pair, sides, float64)
        return self.rule.judge(paired, [self._match(paired, name) for name in names])

    def _pair(self, pair: Pair, sides: Mapping[str, Side], float64: bool) -> RecordingPair:
        reference = self.problem.reference
        held = {label: side.recording for label, side in sides.items()}
        held[reference.backend] = reference
        twins = {label: side.twin for label, side in sides.items()} if float64 else {}
        recordings = held[pair.actual], held[pair.expected]
        return RecordingPair(pair, recordings, twins, reference.backend)

    def _match(self, paired: RecordingPair, name: str) -> object:
        actual, expected = (recording.tensors[name] for recording in paired.recordings)
        return paired.match(name, actual, expected)

    @cached_property
    def _noise(self) -> Mapping[str, Array]:
        """The actual rounding errors of each input's gradient: RMS over backends and points.

        The points are the inputs themselves and the nudged ones: a single error is small by
        chance. At least half a step of the dtype, which no gradient can promise to undercut.
        """
        u = FORMATS[self.problem.case.dtype].u
        errors = {}
        for name in self.problem.case.wrt:
            g = self.problem.reference.gradients[name]
            squares = [
                np.square(np.asarray(coarse.gradients[name], np.float64) - fine.gradients[name])
                for side in self.sides.values()
                for coarse, fine in [(side.recording, side.twin), *side.nudged()]
            ]
            errors[name] = np.maximum(np.sqrt(np.mean(squares, axis=0)), u * np.abs(g))
        return errors

    def _size(self, bug: Bug) -> float:
        """Return the effect in units of the actual noise, of the gradient where it is largest."""
        sizes = []
        for name, effect in bug.effects.items():
            where = np.isfinite(self._noise[name])
            if bug.mutant.kind.startswith("one"):
                where &= effect != 0
            both = np.stack([effect, self._noise[name]])[:, where].reshape(2, -1)
            if not both.size:
                continue
            ours, actual = np.sqrt(np.mean(np.square(both), axis=1))
            if ours > 0:  # what underflows when squared is no effect
                sizes.append(float(ours / actual) if actual > 0 else np.inf)
        return max(sizes, default=0.0)

    def _kill(self, bug: Bug, size: float, label: str) -> Iterator[Killed]:
        """Judge what a bug would have made of one backend's gradients."""
        right, truth = self.sides[label], self.problem.reference.gradients
        both, alone = (bug.of(right, one) for one in (False, True))
        wrong = both.recording.gradients
        if all(_same(wrong[name], right.recording.gradients[name]) for name in bug.effects):
            return  # rounding to the dtype has undone it
        pair, names = Pair(label, self.problem.reference.backend), [f"d {n}" for n in bug.effects]
        held = {
            WITH: self._judge(pair, {label: both}, names),
            WITHOUT: self._judge(pair, {label: both}, names, float64=False),
            ALONE: self._judge(pair, {label: alone}, names),
        }
        yield Killed(
            self.problem.case.name,
            label,
            bug.mutant,
            size,
            {what: _worst(by.values()) for what, by in held.items()},
            _passed((wrong[name], truth[name], self._dtype) for name in bug.effects),
        )


def _same(a: Array, b: Array) -> bool:
    return bool(np.all((a == b) | (np.isnan(a) & np.isnan(b))))


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
