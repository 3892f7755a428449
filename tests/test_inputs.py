"""Seeded arrays: of seed and name alone, rounded once, refused before they are allocated."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from drawn import case, refusal

from gradcmp import machine
from gradcmp.case import DTYPES, BackendSpec, InputSpec
from gradcmp.errors import InputError, Location
from gradcmp.inputs import cotangent, draw, memory, require_memory, round_to, specs
from gradcmp.ops import ArraySpec

NORMAL = InputSpec("normal", (50, 40))


DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}  # IEEE 754; Intel's bfloat16


LOWEST = {"float64": -1074, "float32": -149, "float16": -24, "bfloat16": -133}  # least subnormal


HIGHEST = {"float64": 1024, "float32": 128, "float16": 16, "bfloat16": 128}


def test_an_input_depends_on_seed_and_name_alone():
    alone = draw(case({"X": NORMAL}))["X"]
    company = {"A": InputSpec("uniform", (3,)), "X": NORMAL, "Z": InputSpec("normal", (9, 9))}
    backwards = dict(reversed(company.items()))
    assert np.array_equal(draw(case(company))["X"], alone)
    assert np.array_equal(draw(case(backwards))["X"], alone)
    for name, array in draw(case(company)).items():
        assert np.array_equal(draw(case(backwards))[name], array)
    assert not np.array_equal(draw(case({"X": NORMAL}, seed=1))["X"], alone)
    assert not np.array_equal(draw(case({"Y": NORMAL}))["Y"], alone)


@pytest.mark.processes
def test_a_draw_is_the_same_in_every_process():
    # Fails when Python's salted hash(), or the order of a set, gets into the seed.
    import subprocess
    import sys

    code = (
        "from gradcmp.inputs import draw; from gradcmp.case import *;"
        "c = Case('c', {'X': InputSpec('normal', (3,))}, {}, 'a', ('X',), ());"
        "print(draw(c)['X'].tolist())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (InputSpec("ones", (2, 2)), [[1.0, 1.0], [1.0, 1.0]]),
        (InputSpec("zeros", (2,)), [0.0, 0.0]),
        (InputSpec("arange", (2, 2), {"start": 1, "step": 0.5}), [[1.0, 1.5], [2.0, 2.5]]),
        (InputSpec("constant", (), {"value": -2.5}), -2.5),
        (InputSpec("values", None, {"values": [[1, 2], [3, 4]]}), [[1.0, 2.0], [3.0, 4.0]]),
        (InputSpec("values", None, {"values": float("nan")}), float("nan")),
        (InputSpec("normal", (0, 3)), np.zeros((0, 3))),
    ],
)
def test_kinds_without_chance(spec, expected):
    found = draw(case({"X": spec}))["X"]
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


def test_integers_and_booleans_stay():
    found = draw(
        case(
            {
                "i": InputSpec("integers", (1000,), {"low": -2, "high": 3}),
                "v": InputSpec("values", None, {"values": [2**60 + 1], "integer": True}),
                "b": InputSpec("values", None, {"values": [True, False]}),
            },
            dtype="bfloat16",
        )
    )
    assert found["i"].dtype == np.int64
    assert set(found["i"].tolist()) == {-2, -1, 0, 1, 2}
    assert found["v"].tolist() == [2**60 + 1]
    assert found["b"].dtype == np.bool_


def test_moments_of_the_random_kinds():
    # 10⁵ draws: the mean is off by more than 5 standard errors once in 1.7 million seeds.
    many, plain = (100_000,), {"round_inputs": False}
    z = draw(case({"X": InputSpec("normal", many, {"mean": 3, "std": 2})}, **plain))["X"]
    u = draw(case({"X": InputSpec("uniform", many, {"low": -1, "high": 5})}, **plain))["X"]
    assert abs(z.mean() - 3) < 5 * 2 / np.sqrt(many[0])
    assert abs(z.std() - 2) < 5 * 2 / np.sqrt(2 * many[0])
    assert abs(u.mean() - 2) < 5 * np.sqrt(3) / np.sqrt(many[0])
    assert u.min() >= -1
    assert u.max() < 5


def nearest(x, dtype):
    """Round exactly, in rational arithmetic: to nearest, ties to even; overflow to infinity."""
    exact = abs(Fraction(x))
    power = 0
    while exact and exact >= Fraction(2) ** (power + 1):
        power += 1
    while exact and exact < Fraction(2) ** power:
        power -= 1
    quantum = Fraction(2) ** max(power - DIGITS[dtype] + 1, LOWEST[dtype])
    rounded = round(exact / quantum) * quantum  # Python's round: half to even
    value = float("inf") if rounded >= Fraction(2) ** HIGHEST[dtype] else float(rounded)
    return np.copysign(value, x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rounding_is_the_nearest_number_of_the_dtype(dtype):
    rng = np.random.default_rng(5)
    x = np.concatenate(
        [
            rng.standard_normal(200) * 10.0 ** rng.integers(-50, 50, 200),
            rng.standard_normal(200) * 2.0 ** rng.integers(-30, 18, 200),
            # ties, and ties that a step too small for float32 breaks
            [1 + 2**-8, 1 + 2**-8 + 2**-40, 1 + 3 * 2**-8 - 2**-40, -(1 + 2**-8 + 2**-52)],
            [1 + 2**-11 + 2**-40, 2**-25, 2**-25 + 2**-60, 2**-134 * 1.5, 65519.999, 65520.0],
            [3.3961775292304601e38, 3.4e38, 1e300, 0.0, -0.0],
        ]
    )
    found = round_to(x, dtype)
    expected = np.array([nearest(one, dtype) for one in x])
    np.testing.assert_array_equal(found, expected)
    assert np.array_equal(np.signbit(found), np.signbit(x))
    np.testing.assert_array_equal(round_to(found, dtype), found)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_single_number_stays_an_array_when_it_is_rounded(dtype):
    found = round_to(np.asarray(0.5), dtype)
    assert isinstance(found, np.ndarray)  # not a float, which ops would take for a literal
    assert found.shape == ()
    assert found == 0.5


def test_the_test_above_catches_rounding_twice():
    x = 1 + 2**-8 + 2**-40
    twice = float(np.float64(x).astype(np.float32).astype(ml_dtypes.bfloat16))
    assert twice == 1.0
    assert nearest(x, "bfloat16") == 1 + 2**-7


def test_non_finite_numbers_stay_what_they_are():
    x = np.array([np.nan, np.inf, -np.inf])
    for dtype in DTYPES:
        np.testing.assert_array_equal(round_to(x, dtype), x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_inputs_fit_the_coarsest_dtype_of_the_case(dtype):
    raw = draw(case({"X": NORMAL}, round_inputs=False))["X"]
    found = draw(case({"X": NORMAL}, dtype=dtype))["X"]
    assert np.array_equal(found, round_to(raw, dtype))
    assert np.array_equal(found, raw) == (dtype == "float64")


def test_a_backends_own_dtype_counts():
    backends = ("numpy", "torch", BackendSpec("jax", dtype="float16"))
    found = draw(case({"X": NORMAL}, backends))["X"]
    assert np.array_equal(found, found.astype(np.float16).astype(np.float64))
    alone = draw(case({"X": NORMAL}, ("numpy",)))["X"]  # the reference is float64
    assert not np.array_equal(alone, alone.astype(np.float32))


def test_two_half_formats_see_the_same_numbers():
    backends = (BackendSpec("torch", dtype="float16"), BackendSpec("torch", dtype="bfloat16"))
    values = [1 + 2**-9, 2**-20 * (1 + 2**-7), 1e-6, 300.7]  # float16 is subnormal below 2⁻¹⁴
    found = draw(case({"X": InputSpec("values", None, {"values": values})}, backends))["X"]
    for dtype in (np.float16, ml_dtypes.bfloat16):
        assert np.array_equal(found.astype(dtype).astype(np.float64), found)


def test_without_rounding_each_backend_casts_float64_itself():
    found = draw(case({"X": NORMAL}, dtype="bfloat16", round_inputs=False))["X"]
    assert not np.array_equal(found, found.astype(np.float32))


def test_cotangents():
    one = case({"X": NORMAL})
    assert cotangent(one, ()) == 1.0
    assert np.array_equal(cotangent(replace(one, cotangent="ones"), (2, 3)), np.ones((2, 3)))
    random = cotangent(one, (50, 40))
    assert np.array_equal(random, cotangent(one, (50, 40)))
    assert np.array_equal(random, random.astype(np.float32))
    assert not np.array_equal(random, draw(one)["X"])
    assert not np.array_equal(random, cotangent(replace(one, seed=1), (50, 40)))
    assert abs(random.mean()) < 5 / np.sqrt(2000)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (InputSpec("nrmal", (3,)), "input 'X': there is no kind 'nrmal'. Did you mean 'normal'?"),
        (
            InputSpec("normal", (3,), {"meen": 1}),
            "input 'X': 'normal' does not take 'meen'. Did you mean 'mean'?",
        ),
        (InputSpec("normal"), "input 'X': 'normal' needs a shape"),
        (InputSpec("constant", (3,)), "input 'X': 'constant' needs 'value'"),
        (
            InputSpec("file", None, {"file": "no.npy"}),
            "input 'X': 'no.npy' cannot be read: No such",
        ),
    ],
)
def test_records_made_by_hand_are_checked(spec, message):
    assert refusal(spec).startswith(f"f.yaml:3: {message}")


def test_memory_is_asked_for_before_it_is_taken(monkeypatch):
    monkeypatch.setattr(memory, "memory", lambda: 1000)
    fits = {"X": ArraySpec((31,)), "a": ArraySpec((31,))}  # 16 bytes an element: 992
    require_memory(fits)
    with pytest.raises(InputError) as caught:
        require_memory({**fits, "b": ArraySpec(())}, Location("f.yaml", 1))
    assert str(caught.value) == (
        "f.yaml:1: values and gradients need 1008 B of memory, and this machine has 1000 B; "
        "the largest is 'X' with shape (31,). Make it smaller."
    )
    with pytest.raises(InputError, match=r"need 31\.25 KiB of memory"):
        draw(case({"X": NORMAL}))


def test_the_limit_of_a_container_counts(tmp_path):
    whole = machine.memory()
    limit = tmp_path / "memory.max"
    groups = (tmp_path / "absent", limit)
    limit.write_text("max\n")
    assert machine.memory(groups) >= whole
    limit.write_text("4096\n")
    assert machine.memory(groups) == 4096


def test_specs_say_what_draw_gives():
    inputs = {
        "X": NORMAL,
        "i": InputSpec("integers", (3,), {"high": 4}),
        "v": InputSpec("values", None, {"values": [[True]]}),
    }
    found = draw(case(inputs))
    kinds = {"f": "float", "i": "int", "b": "bool"}
    assert specs(case(inputs)) == {
        name: ArraySpec(array.shape, kinds[array.dtype.kind]) for name, array in found.items()
    }
