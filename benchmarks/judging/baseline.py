"""What a float32 run and few replicas settle, and what a calibration says of the same.

    python -m benchmarks.judging.baseline [--graphs 250] [--blocks 2] [--seeds report] [--cache DIR]

Every tensor of every correct pair, and of every live mutant, that is beyond a few roundings.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.judging.__main__ import BACKENDS, SEEDS, cases
from benchmarks.judging.measure import LIVE, STRUCTURAL_MUTANTS, Trial
from benchmarks.judging.mutants import applied, elementwise, structural
from benchmarks.judging.recording import Run, runs
from benchmarks.judging.sides import Bug
from gradcmp.judge import Comparison, Pair
from gradcmp.judge.auto.noise_floor import FLOORS, NoiseFloor
from gradcmp.judge.auto.reference_error import BOTH_RULE, ROUGH_RULES, RULE
from gradcmp.judge.auto.tensors.pair import RecordingPair, TensorPair

HOW = {RULE: "settled", BOTH_RULE: "by both"} | dict.fromkeys(ROUGH_RULES.values(), "roughly")


def tensors(trial: Trial) -> Iterator[tuple[str, RecordingPair, TensorPair]]:
    """Return what to judge, and its kind."""
    for expected, actual in combinations(trial.recordings, 2):
        sides = trial.rule.sides(Pair(actual, expected))
        for name in trial._compared:
            both = trial._tensor(actual, name), trial._tensor(expected, name)
            yield "correct", sides, sides.match(name, *both)
    rng = np.random.default_rng([trial.problem.case.seed, 1])
    found = (*structural(trial.problem, rng, STRUCTURAL_MUTANTS), *elementwise(trial.problem, rng))
    bugs = (Bug(mutant, trial.problem) for mutant in found)
    for bug in (one for one in bugs if trial._size(one) >= LIVE):
        for label, recording in trial.run.recordings.items():
            sides = trial.rule.sides(Pair(label, trial.problem.reference.backend))
            for name, effect in bug.effects.items():
                truth = trial.problem.reference.gradients[name]
                wrong = applied(recording.gradients[name], effect, "float32")
                if np.array_equal(wrong, recording.gradients[name]):
                    continue  # this effect is lost in rounding
                fine = applied(trial.run.twins[label].gradients[name], effect, "float64")
                yield "mutant", sides, TensorPair(f"d {name}", (wrong, truth), (fine, truth))


def judged(run: Run) -> Iterator[tuple[str, Comparison, Comparison]]:
    """Return what is found as it is done, and with a calibration in any case."""
    trial = Trial(run)
    strict = replace(trial.rule)
    strict.__dict__["_stages"] = NoiseFloor(), strict._calibrated
    for kind, sides, tensor in tensors(trial):
        quick, full = (rule.judge(sides, [tensor])[tensor.name] for rule in (trial.rule, strict))
        yield kind, quick, full


def spread(run: Run) -> Iterator[tuple[float, float]]:
    """Return the calibrated noise of every gradient over what the baseline implies.

    For the elements from a hundredth of which, and up to a hundredth of which, it is beyond.
    """
    rule = Trial(run).rule
    for name in (f"d {name}" for name in run.problem.case.wrt):
        scale, some = rule._reference_error.scale(name), rule.source.reference.tensors[name] != 0
        if scale is not None and some.any():
            noise = rule.source.roughly(name, "float32").s
            low, high = np.percentile((noise / scale)[some], (1, 99))
            yield float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=int, default=250)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--seeds", choices=SEEDS, default="report")
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    seen: Counter[tuple[str, str, str]] = Counter()
    multiples, ratios = [], []
    seeds = SEEDS[options.seeds]
    chosen = cases(seeds, options.graphs, options.blocks, ("float32",), BACKENDS)
    for run in runs(chosen, options.cache):
        ratios.extend(spread(run))
        for kind, quick, full in judged(run):
            if quick.rule == FLOORS["float32"].rule or full.noise is None:
                continue
            how = HOW.get(quick.rule, "left over")
            seen[kind, how, full.verdict.reason] += 1
            if how != "left over":
                multiples.append(full.noise.multiple)
    for (kind, how, reason), count in sorted(seen.items()):
        print(f"{kind:8} {how:10} {reason:10} {count}")
    print(f"calibrated multiple of what was settled: median {np.median(multiples):.2f}, ", end="")
    print(f"99 % {np.percentile(multiples, 99):.2f}, largest {max(multiples):.2f}")
    low, high = np.array(ratios).T
    for what, each, percents in (("low", low, (0, 1, 5, 50)), ("high", high, (50, 95, 99, 100))):
        found = zip(percents, np.percentile(each, percents), strict=True)
        shown = ", ".join(f"{percent} % {ratio:.2g}" for percent, ratio in found)
        print(f"calibrated over implied noise, {what} end of each gradient: {shown}")


if __name__ == "__main__":
    main()
