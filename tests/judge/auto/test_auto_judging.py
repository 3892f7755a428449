"""The judge on random graphs and real blocks: quiet on what is correct, and no bug gets past it.

A small run of benchmarks/judging, on torch.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # where the benchmarks are

from benchmarks.judging.blocks import BLOCKS, block_case
from benchmarks.judging.growing import random_case
from benchmarks.judging.measure import measure
from benchmarks.judging.mutants import STRUCTURAL, elementwise, structural
from benchmarks.judging.recording import Problem, Run
from benchmarks.judging.results import FOUND, WITH, WITHOUT, Measured
from benchmarks.judging.rivals import RIVALS
from gradcmp.backends import Job
from gradcmp.case import BackendSpec

SEED = 400_000  # neither one of the calibration nor one of the report
GRAPHS = 8
FOUND_ALONE = {"float32": 0.99, "bfloat16": 0.98}  # the share of structural mutants
QUICK = [name for name in BLOCKS if name not in ("long_sum", "lstm")]
TORCH = (BackendSpec("torch", "eager"),)


def run(backend, case):
    """Record in this process what the benchmark has workers record."""
    problem = Problem.of(case)

    def record(dtype):
        job = Job("torch:eager", problem.graph, problem.inputs, problem.cotangent, "eager", dtype)
        return {"torch:eager": backend.record(job)}

    return Run(problem, record(case.dtype), record("float64"))


def cases(dtype):
    yield from (random_case(SEED + i, dtype, TORCH) for i in range(GRAPHS))
    yield from (block_case(name, SEED, dtype, TORCH) for name in QUICK)


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def measured(request, adapter):
    found = Measured()
    for case in cases(request.param):
        found.add(measure(run(adapter("torch"), case)))
    return request.param, found


def test_nothing_correct_is_called_a_bug(measured):
    _, measured = measured
    assert len(measured.judged) == GRAPHS + len(QUICK)
    allowed = {"exact", "rounding", "precision", "note", "kink"}
    assert {one.verdicts[WITH] for one in measured.judged} <= allowed
    assert {one.verdicts[WITHOUT] for one in measured.judged} <= allowed


def test_every_live_mutant_is_found_with_float64(measured):
    _, measured = measured
    assert len(measured.killed) > 60
    missed = [kill for kill in measured.killed if kill.verdicts[WITH] not in FOUND]
    assert not missed


def test_structural_mutants_are_found_without_float64(measured):
    dtype, measured = measured
    found = [
        kill.verdicts[WITHOUT] in FOUND
        for kill in measured.killed
        if kill.mutant.kind == STRUCTURAL
    ]
    assert len(found) > 50
    assert np.mean(found) > FOUND_ALONE[dtype]


def test_the_noise_is_neither_too_small_nor_too_large(measured):
    _, measured = measured
    low, middle, high = np.quantile(measured.tightness, (0.1, 0.5, 0.9))
    assert 0.7 < low < high < 15
    assert 1 < middle < 5


def test_mutants_change_what_they_say_they_change():
    problem = Problem.of(block_case("mlp", SEED, "float32", TORCH))
    rng = np.random.default_rng(0)
    truth = problem.reference.gradients
    mutants = [*structural(problem, rng, 6), *elementwise(problem, rng)]
    assert len({mutant.name.split(" at ")[0] for mutant in mutants}) >= 6
    for mutant in mutants:
        assert all(effect.shape == truth[name].shape for name, effect in mutant.effects.items())
        assert any(np.any(effect) for effect in mutant.effects.values())
    (one,) = (mutant for mutant in mutants if mutant.kind == "one 1e-3")
    ((name, effect),) = one.effects.items()
    assert np.count_nonzero(effect) == 1
    np.testing.assert_allclose(np.abs(effect).max(), 1e-3 * np.abs(truth[name][effect != 0]).item())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("factor", [0.5, 0.99, 1.01, 2])
def test_the_rival_is_what_torch_does_by_default(adapter, dtype, factor):
    adapter("torch")
    import torch

    kind = getattr(torch, dtype)
    expected = torch.tensor([0.25, -3.0, 0.0], dtype=kind).double()
    (rival,) = (rival for rival in RIVALS if rival.name.startswith("torch"))
    allowed = rival.atol + rival.rtol[dtype] * expected.abs()
    actual = expected + factor * allowed
    try:
        torch.testing.assert_close(actual, expected, rtol=rival.rtol[dtype], atol=rival.atol)
        passes = True
    except AssertionError:
        passes = False
    assert passes == (factor < 1) == rival.passes(actual.numpy(), expected.numpy(), dtype)
    from torch.testing._comparison import default_tolerances

    assert default_tolerances(kind) == (rival.rtol[dtype], rival.atol)
