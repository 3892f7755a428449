"""Cases of complex numbers: what is drawn, what may be written, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gradcmp
from gradcmp import inputs
from gradcmp.case import BackendSpec, Case, CodeSpec, Expression, InputSpec
from gradcmp.config import parse_input
from gradcmp.dtypes.arrays import in_parts, of_parts
from gradcmp.errors import GradcmpError, GraphError, InputError, UsageError
from gradcmp.plan import check, check_any


def case_of(text: str, dtype: str = "complex64", **given: InputSpec) -> Case:
    specs = given or {"X": InputSpec("normal", (40, 50))}
    return Case(
        "complex",
        specs,
        {"out": Expression(text)},
        backends=(BackendSpec("numpy"), BackendSpec("torch")),
        dtype=dtype,  # type: ignore[arg-type]
    )


def drawn(spec: InputSpec, dtype: str = "complex64"):
    return of_parts(check(case_of("X * 1", dtype, X=spec)).draw().inputs["X"])


def test_both_parts_are_normal_seeded_and_rounded():
    x = drawn(InputSpec("normal", (40, 50)))
    assert x.shape == (40, 50)
    assert np.array_equal(x, drawn(InputSpec("normal", (40, 50))))
    assert np.array_equal(x, x.astype(np.complex64).astype(complex))
    for part in (x.real, x.imag):  # 2000 of each: within five standard errors
        assert abs(part.mean()) < 5 / np.sqrt(part.size)
        assert abs(part.std() - 1) < 5 / np.sqrt(2 * part.size)
    assert abs(np.corrcoef(x.real.ravel(), x.imag.ravel())[0, 1]) < 5 / np.sqrt(x.size)


def test_what_is_uniform_is_so_in_both_parts():
    x = drawn(InputSpec("uniform", (40, 50), {"low": 2.0, "high": 3.0}))
    for part in (x.real, x.imag):
        assert 2 <= part.min() < 2.1 < 2.9 < part.max() <= 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ones:2", [1, 1]),
        ("arange:3:start=1", [1, 2, 3]),
        ("[1+2j, -0.5j, 3]", [1 + 2j, -0.5j, 3]),
        ("values:[[1+2j], ['0.25 - 1e1j']]", [[1 + 2j], [0.25 - 10j]]),
        ("1.5-2j", 1.5 - 2j),
        ("2j", 2j),
        ("-1", -1),
    ],
)
def test_what_is_given_may_be_complex(text, expected):
    spec = parse_input("X", text)
    assert np.array_equal(drawn(spec), np.asarray(expected, complex))


def test_a_file_may_hold_complex_numbers(tmp_path: Path):
    z = np.array([[1 + 2j, 3], [0.5j, -1]], np.complex64)
    np.save(tmp_path / "z.npy", z)
    spec = InputSpec("file", None, {"file": str(tmp_path / "z.npy")})
    assert np.array_equal(drawn(spec), z)
    with pytest.raises(GradcmpError, match="'X' is of complex numbers, and the case computes in"):
        check(case_of("X * 1", "float32", X=spec))


def test_whole_numbers_and_booleans_stay_what_they_are():
    given = {"X": InputSpec("normal", (3,)), "I": InputSpec("integers", (2,), {"high": 3})}
    plan = check(case_of("take(X, I)", **given))
    assert plan.draw().inputs["I"].dtype == np.int64
    assert plan.specs["out"].shape == (2, 2)
    assert plan.requests(plan.draw())[0].whole == ("X",)


@pytest.mark.parametrize(("text", "shape"), [("X * X", (40, 50, 2)), ("sum(X)", (2,))])
def test_a_complex_output_has_a_random_complex_cotangent(text, shape):
    upstream = check(case_of(text)).draw().cotangent
    assert upstream.shape == shape
    assert np.all(upstream != 0)
    assert np.all(upstream != 1)
    ones = check(replace(case_of(text), cotangent="ones")).draw().cotangent
    assert np.array_equal(of_parts(ones), np.ones(shape[:-1]))


def test_a_real_output_has_a_real_cotangent():
    assert check(case_of("abs(X)")).draw().cotangent.shape == (40, 50)
    assert check(case_of("sum(abs(X))")).draw().cotangent == 1


def test_the_reference_computes_in_complex128():
    plan = check(case_of("X * X"))
    assert {label: spec.dtype for label, spec in plan.backends.items()} == {
        "numpy": "complex128",
        "torch": "complex64",
    }
    (reference, torch) = plan.requests(plan.draw())
    assert plan.in_float64(reference) is None
    fine = plan.in_float64(torch)
    assert fine is not None
    assert fine.spec.dtype == "complex128"


X = InputSpec("normal", (3, 3))
REFUSED = [
    ("relu(X)", {}, "relu has no meaning on complex numbers. Take .* another dtype than complex64"),
    ("maximum(X, X)", {}, "maximum has no meaning on complex numbers"),
    ("floor(X)", {}, "floor has no meaning on complex numbers"),
    ("X > 0", {}, "greater has no meaning on complex numbers"),
    ("softmax(X, axis=0)", {}, "softmax has no meaning on complex numbers"),
    ("X * real(X)", {}, "complex and real numbers cannot be mixed"),
    ("X * (real(X) > 0)", {}, "complex numbers and bool cannot be mixed"),
    ("X ** 0.5", {}, "have whole numbers for exponents"),
    ("X ** X", {}, "have whole numbers for exponents"),
    ("real(real(X))", {}, "'float' was given where complex numbers are needed"),
    ("complex(X, X)", {}, "where their real parts are needed"),
    ("real(X) > 0", {}, "the output is of kind 'bool'"),
    ("X + 1", {"derivative": "jvp"}, "jvp in complex64: of complex numbers the gradient alone"),
    (
        "X + 1",
        {"backends": (BackendSpec("torch", dtype="float32"),)},
        "'torch' computes in float32: real numbers, in a case of complex ones",
    ),
    (
        "X + 1",
        {"dtype": "float32", "backends": (BackendSpec("torch", dtype="complex64"),)},
        "'torch' computes in complex64: complex numbers, in a case of real ones",
    ),
    ("X + 1", {"inputs": {"X": replace(X, parameters={"edge": "ties"})}}, "edge values, which"),
    ("complex(X, X)", {"dtype": "float32"}, "complex gives complex numbers, and the case computes"),
    ("real(X)", {"dtype": "float64"}, "'float' was given where complex numbers are needed"),
    (
        "X + 1",
        {"inputs": {"X": InputSpec("values", None, {"values": ["1+2q"]})}},
        "has '1.2q', which is no number",
    ),
]


@pytest.mark.parametrize(("text", "changes", "message"), REFUSED)
def test_what_has_no_meaning_is_refused_before_anything_runs(text, changes, message):
    with pytest.raises(GradcmpError, match=message):
        check(replace(case_of(text, X=X), **changes))


def test_parts_and_complex_arrays_are_each_others_inverse():
    z = np.array([[1 + 2j, 3 - 4j]])
    assert np.array_equal(in_parts(z), [[[1, 2], [3, -4]]])
    for array in (z, z[0, 0], z[:0], z.T, z.astype(">c16"), z.astype(np.complex64)):
        assert np.array_equal(of_parts(in_parts(np.asarray(array))), array)
    assert inputs.specs(case_of("X * 1"))["X"].kind == "complex"


def test_what_complex_numbers_are_not_for_is_said_with_a_way_out(tmp_path):
    by = CodeSpec(f"{tmp_path}/f.py:f", BackendSpec("torch"))
    code = Case("code", {"X": InputSpec("normal", (3,))}, {}, "", (), code={"f": by, "g": by})
    with pytest.raises(UsageError, match=r"functions are of real numbers.*Write a graph"):
        check_any(replace(code, dtype="complex64"))
    graph = {"y": Expression("sum(conj(X))")}
    real = Case("real", {"X": InputSpec("normal", (3,))}, graph, "y", ("X",))
    with pytest.raises(GraphError, match="Choose dtype complex64 or complex128"):
        check(real)
    z = np.ones(3, complex)
    with pytest.raises(InputError, match=r"of complex numbers, and functions.*real and imaginary"):
        gradcmp.compare_functions({"a": np.sum, "b": np.sum}, {"X": z})
