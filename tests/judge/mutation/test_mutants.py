"""Which wrong gradients a check would let pass, and that it says so of no check that has teeth."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from gradcmp.case import BackendSpec, Case, Expression, Fixed, InputSpec, Tolerance
from gradcmp.dtypes import FORMATS
from gradcmp.errors import NothingComparedError
from gradcmp.judge.case import judge
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.elementwise.difference import allowance
from gradcmp.judge.elementwise.tolerance import DEFAULTS, rule_of
from gradcmp.judge.mutation.mutants import MUTANTS, mutants
from gradcmp.judge.mutation.weak import sensitivity
from gradcmp.judge.selftest import selftest
from gradcmp.recording import Failure, Recording

DTYPES = {"float64": np.float64, "float32": np.float32, "float16": np.float16}
DTYPES |= {"bfloat16": ml_dtypes.bfloat16}
WHOLE = [name for name in MUTANTS if name != "one off"]
SEEDS = range(20)


def draw(seed: int, shape: tuple[int, ...] = (6, 6)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tight_check_has_teeth(dtype: str) -> None:
    fixed = DEFAULTS[dtype]  # type: ignore[index]
    for seed in SEEDS:
        expected = draw(seed)
        found = sensitivity(expected, fixed.atol + fixed.rtol * np.abs(expected), dtype)  # type: ignore[arg-type]
        assert not found.weak, found


def test_each_mutant_survives_where_the_allowance_is_wide() -> None:
    expected = draw(0)
    assert sensitivity(expected, 10.0, "float64").survivors == dict.fromkeys(MUTANTS, 1.0)
    assert sensitivity(expected, 10.0, "float32").survivors.keys() == MUTANTS.keys() - {"float32"}
    assert sensitivity(expected, 10.0, "bfloat16").survivors.keys() == {
        "zero",
        "negated",
        "transposed",
    }
    assert sensitivity(expected, np.abs(expected), "float32").survivors.keys() == {
        "zero",
        "one off",
    }
    assert sensitivity(expected, 2e-7 * np.abs(expected), "float64").survivors == {"float32": 1.0}


def test_one_element_that_can_tell_is_enough_for_a_mutant_of_the_whole() -> None:
    expected, allowed = draw(0), np.full((6, 6), 10.0)
    allowed[2, 3] = 1e-12
    survivors = sensitivity(expected, allowed, "float64").survivors
    assert survivors == {"one off": pytest.approx(35 / 36)}


def test_one_element_off_counts_where_most_elements_cannot_tell() -> None:
    expected, allowed = np.arange(1.0, 11.0), np.zeros(10)
    allowed[:6] = 1.0
    assert sensitivity(expected, allowed, "float32").survivors == {"one off": 0.6}
    allowed[5:] = 0.0
    assert not sensitivity(expected, allowed, "float32").weak


def test_what_is_no_mutant_survives_nothing() -> None:
    symmetric = draw(0) + draw(0).T
    noisy = symmetric * (1 + 1e-7 * draw(1))
    number = np.asarray(1.5)
    exact = np.array([1.0, -2.0, 0.5])
    assert "transposed" not in sensitivity(symmetric, 100.0, "float64").survivors
    assert "transposed" not in sensitivity(noisy, 100.0, "float32").survivors
    assert "transposed" not in sensitivity(draw(0, (3, 4)), 100.0, "float64").survivors
    assert "transposed" in sensitivity(draw(0, (2, 3, 2)), 100.0, "float64").survivors
    assert "transposed" not in sensitivity(number, 100.0, "float64").survivors
    assert sensitivity(exact, 1e-6 * np.abs(exact), "float64").survivors == {"float32": 1.0}
    assert mutants(exact, np.random.default_rng(0))["float32"] is None
    assert not sensitivity(np.zeros((0, 3)), 1.0, "float64").weak


def test_a_gradient_that_is_zero_is_a_weak_check() -> None:
    assert sensitivity(np.zeros((4, 4)), 1e-8, "float32").survivors == {"zero": 1.0}
    nearly = 1e-17 * draw(0)  # the bias of attention keys
    assert {"zero", "negated", "transposed"} <= sensitivity(
        nearly, 1e-8, "float32"
    ).survivors.keys()


def test_infinity_and_nan_tell() -> None:
    expected = draw(0)
    expected[0, 1] = np.inf
    assert sensitivity(expected, 10.0, "float32").survivors.keys() == {"one off"}
    expected[0, 1] = np.nan
    assert "zero" not in sensitivity(expected, 10.0, "float32").survivors


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("tolerance", [Fixed(1e-5, 1e-6), Fixed(1.0, 3.0), Fixed(0.0, 1e-7)])
def test_teeth_say_what_the_comparison_does(name: str, tolerance: Tolerance) -> None:
    for seed in SEEDS:
        expected = draw(seed)
        wrong = mutants(expected, np.random.default_rng(seed))[name]
        assert wrong is not None
        rule = rule_of(tolerance, FORMATS["float64"])
        allowed = allowance(expected, rule)
        survives = name in sensitivity(expected, allowed, "float64").survivors
        assert survives == compare(wrong, expected, tolerance).agrees


@pytest.mark.parametrize("dtype", DTYPES)
def test_mutants_are_wrong_in_the_dtype_they_came_in(dtype: str) -> None:
    gradient = draw(0).astype(DTYPES[dtype])
    found = mutants(gradient, np.random.default_rng(0))
    assert found.keys() == MUTANTS.keys()
    none = {"float64": set(), "float32": {"float32"}}.get(dtype, {"float32", "one off"})
    assert {name for name, wrong in found.items() if wrong is None} == none
    for wrong in found.values():
        if wrong is not None:
            assert (wrong.dtype, wrong.shape) == (gradient.dtype, gradient.shape)
            assert not np.array_equal(wrong, gradient)
    one_off = found["one off"]
    if one_off is not None:
        (place,) = np.argwhere(one_off != gradient)
        change = one_off[tuple(place)] / gradient[tuple(place)]
        assert change == pytest.approx(1.001, abs=1e-6)


def test_integers_have_no_mutants_that_show() -> None:
    assert mutants(np.arange(4), np.random.default_rng(0))["one off"] is None


CASE = Case(
    "case",
    {"X": InputSpec("normal", (4, 4)), "Y": InputSpec("normal", (4, 4))},
    {"h": Expression("X * X * Y"), "out": Expression("sum(h)")},
    "out",
    ("X", "Y"),
    (BackendSpec("torch"),),
    Fixed(1e-5, 1e-6),
)


def verdict_of(case: Case = CASE, spoil: float = 1.0):  # type: ignore[no-untyped-def]
    X, Y = draw(1, (4, 4)), draw(2, (4, 4))

    def record(label: str, dtype: type) -> Recording:
        values = {"X": X, "Y": Y, "h": X * X * Y, "out": np.sum(X * X * Y)}
        gradients = {"X": 2 * X * Y * spoil ** (dtype is np.float32), "Y": X * X}
        gradients |= {"h": np.ones((4, 4)), "out": np.ones(())}
        arrays = (values, gradients)
        cast = ({k: np.asarray(a).astype(dtype) for k, a in part.items()} for part in arrays)
        return Recording(label, np.dtype(dtype).name, *cast)

    outcomes = {"numpy": record("numpy", np.float64), "torch": record("torch", np.float32)}
    twins = {"torch": record("torch", np.float64)}
    return judge(case, "numpy", outcomes, twins)


def test_every_mutant_in_a_real_recording_is_killed() -> None:
    fates = selftest(verdict_of(), "torch")
    assert fates.keys() == {"d X", "d Y", "d h"}  # d out is the cotangent
    assert fates["d X"] == {
        "zero": "killed",
        "negated": "killed",
        "one off": "killed",
        "transposed": "killed",
        "float32": "not applicable",
    }
    assert fates["d h"]["transposed"] == "not applicable"  # all ones


def test_what_a_wide_tolerance_lets_pass_survives() -> None:
    fates = selftest(verdict_of(replace(CASE, tolerance=Fixed(1e-2, 0.0))), "torch")
    assert {by["one off"] for by in fates.values()} == {"survived"}
    assert {by["negated"] for by in fates.values()} == {"killed"}
    fates = selftest(verdict_of(replace(CASE, tolerance=Fixed(10.0, 10.0))), "torch")
    assert {fate for by in fates.values() for fate in by.values()} == {
        "survived",
        "not applicable",
    }


def test_a_mutant_in_what_disagrees_already_is_not_killed() -> None:
    fates = selftest(verdict_of(spoil=1.5), "torch")
    assert set(fates["d X"].values()) == {"disagrees without it", "not applicable"}
    assert fates["d Y"]["zero"] == "killed"


def test_without_a_recording_nothing_is_tested() -> None:
    verdict = verdict_of()
    gone = {"torch": Failure("torch", "crashed", "it crashed")}
    with pytest.raises(NothingComparedError, match="'torch' gave no recording"):
        selftest(replace(verdict, outcomes={**verdict.outcomes, **gone}), "torch")
