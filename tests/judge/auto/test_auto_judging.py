"""The judge on random graphs and real blocks: quiet on what is correct, and no bug gets past it.

A small run of benchmarks/judging, on torch.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # where the benchmarks are

from benchmarks.judging.blocks import BLOCKS, block_case
from benchmarks.judging.edges import EDGES, edge_case
from benchmarks.judging.growing import random_case
from benchmarks.judging.measure import measure
from benchmarks.judging.mutants import STRUCTURAL, elementwise, structural
from benchmarks.judging.recording import Problem, Run
from benchmarks.judging.results import ALONE, WITH, WITHOUT, Measured
from benchmarks.judging.rivals import RIVALS
from benchmarks.judging.table import PLAIN
from gradcmp.backends import Job
from gradcmp.case import BackendSpec
from gradcmp.judge.auto.calibrated_noise import CalibratedNoise

SEED = 400_000  # neither one of the calibration nor one of the report
GRAPHS = 8
LEAST = {"float32": 0.95, "bfloat16": 0.85}  # of plain mutants in that dtype alone
FOUND_ALONE = {"float32": 0.99, "bfloat16": 0.98}  # the share of structural mutants
QUICK = [name for name in BLOCKS if name not in ("long_sum", "lstm")]
TORCH = (BackendSpec("torch", "eager"),)


def run(backend, case):
    """Record in this process what the benchmark has workers record."""
    problem = Problem.of(case)

    def record(request):
        dtype, given = request.spec.dtype, (request.inputs, request.cotangent)
        return backend.record(Job("torch:eager", problem.graph, *given, "eager", dtype))

    return Run.of(problem, lambda requests: {one: record(one) for one in requests})


def cases(dtype):
    yield from (random_case(SEED + i, dtype, TORCH) for i in range(GRAPHS))
    yield from (block_case(name, SEED, dtype, TORCH) for name in QUICK)


def edges(dtype):
    yield from (edge_case(name, SEED, dtype, TORCH) for name in EDGES)


@pytest.fixture(
    scope="module", params=["float32", pytest.param("bfloat16", marks=pytest.mark.thorough)]
)
def measured(request, adapter):
    return request.param, everything(adapter("torch"), cases(request.param))


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def on_edges(request, adapter):
    return request.param, everything(adapter("torch"), edges(request.param))


def everything(backend, there):
    found = Measured()
    for case in there:
        found.add(measure(run(backend, case)))
    return found


def test_nothing_correct_is_called_a_bug(measured):
    _, measured = measured
    assert len(measured.judged) == GRAPHS + len(QUICK)
    allowed = {"exact", "rounding", "precision", "note", "kink"}
    assert {one.verdicts[WITH] for one in measured.judged} <= allowed
    assert {one.verdicts[WITHOUT] for one in measured.judged} <= allowed


def test_every_live_mutant_is_found_with_float64(measured):
    _, measured = measured
    assert len(measured.killed) > 60
    assert not [kill for kill in measured.killed if not kill.found(WITH)]


def test_plain_mutants_in_one_dtype_alone_are_found(measured):
    """Of those in bfloat16 some move with the inputs as rounding does."""
    dtype, measured = measured
    plain = [kill.found(ALONE) for kill in measured.killed if kill.size >= PLAIN[0]]
    assert len(plain) > 40
    assert np.mean(plain) > LEAST[dtype]


def test_nothing_correct_is_blamed_on_the_edge_and_mutants_are_found_there(on_edges):
    dtype, measured = on_edges
    assert len(measured.judged) == len(EDGES)
    verdicts = {one.verdicts[what] for one in measured.judged for what in (WITH, WITHOUT)}
    assert verdicts <= {"exact", "rounding", "precision", "note", "kink"}
    assert not [kill for kill in measured.killed if not kill.found(WITH)]
    plain = [kill.found(ALONE) for kill in measured.killed if kill.size >= PLAIN[0]]
    assert len(plain) > 15
    assert np.mean(plain) > LEAST[dtype]


def test_a_judge_that_takes_everything_for_lost_digits_misses_them(adapter, monkeypatch):
    """Sabotage: the benchmark would show it."""
    monkeypatch.setattr(CalibratedNoise, "_earned", lambda self, verdict, *_: verdict)
    killed = measure(run(adapter("torch"), edge_case("at_a_kink", SEED, "float32", TORCH))).killed
    assert all(kill.found(WITH) for kill in killed)
    assert np.mean([kill.found(ALONE) for kill in killed]) < 0.2  # a unit has limits as well


def test_structural_mutants_are_found_without_float64(measured):
    dtype, measured = measured
    found = [kill.found(WITHOUT) for kill in measured.killed if kill.mutant.kind == STRUCTURAL]
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
        effects = mutant.effects(problem)
        assert all(effect.shape == truth[name].shape for name, effect in effects.items())
        assert any(np.any(effect) for effect in effects.values())
    (one,) = (mutant for mutant in mutants if mutant.kind == "one 1e-3")
    ((name, effect),) = one.effects(problem).items()
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
