"""On a cut another side is right where it was measured, and nothing else is; so with no slope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from gradcmp.backends import import_adapter
from gradcmp.case import Auto, BackendSpec, Case, DTypeTable, Expression, InputSpec
from gradcmp.dtypes.arrays import in_parts, of_parts
from gradcmp.judge import CaseVerdict, Pair
from gradcmp.judge.case import judge
from gradcmp.plan import check
from gradcmp.recording import Recording
from gradcmp.workers.wire import job_from_bytes, request_to_bytes

Spoil = Callable[[str, Any], Any]

REFERENCE = "numpy"
ADAPTER = import_adapter("numpy")("cpu")
BELOW, ABOVE = ("-1-0j", "3+1j", "-2+0j", "-4-0j"), ("-1+0j", "3+1j", "-2+0j", "-4+0j")
CUT = {"root": "sqrt(X)", "out": "root * 2 + exp(sqrt(X)) * X"}
NO_ANGLE = {"turn": "angle(X)", "out": "turn * 2 + abs(X)"}


def case_of(body: Mapping[str, str], values: tuple[str, ...], backend: str, auto: bool) -> Case:
    return Case(
        "cut",
        {"X": InputSpec("values", None, {"values": [*values]})},
        {name: Expression(one) for name, one in body.items()},
        backends=(BackendSpec(REFERENCE), BackendSpec(backend)),
        tolerance=Auto() if auto else DTypeTable(),
        dtype="complex64",
    )


@cache
def recorded(body: tuple[tuple[str, str], ...], values: tuple[str, ...], dtype: str) -> Recording:
    """Return what NumPy computes, in some dtype."""
    plan = check(case_of(dict(body), values, "numpy", True))
    request = replace(
        plan.requests(plan.draw())[0],
        spec=BackendSpec("numpy", "manual", dtype),  # type: ignore[arg-type]
    )
    return ADAPTER.record(job_from_bytes(request_to_bytes(request)))


def judged(
    body: Mapping[str, str],
    side: tuple[str, ...],
    spoil: Spoil = lambda name, z: z,
    backend: str = "jax",
    values: tuple[str, ...] = BELOW,
    auto: bool = True,
    slope: Spoil = lambda name, dz: dz,
    alone: bool = False,
) -> CaseVerdict:
    """Judge a side that computed on other numbers, of which it says that they are the same.

    It is spoiled in both dtypes, or in complex64 `alone`.
    """
    text = tuple(body.items())
    known = recorded(text, values, "complex128")

    def told(dtype: str) -> Recording:
        found = recorded(text, side, dtype)

        def moved(name: str, x: Any, by: Spoil) -> Any:
            if name == "X" and by is spoil:
                return known.values["X"].astype(x.dtype)
            if alone and dtype == "complex128":
                return x
            if x.shape != (4, 2):
                return np.asarray(by(name, x), x.dtype)
            return in_parts(np.asarray(by(name, of_parts(x)), of_parts(x).dtype))

        return replace(
            found,
            values={name: moved(name, x, spoil) for name, x in found.values.items()},
            gradients={name: moved(name, x, slope) for name, x in found.gradients.items()},
        )

    case = case_of(body, values, backend, auto)
    plan = check(case)
    outcomes = {REFERENCE: known, backend: told("complex64")}
    return judge(plan.case, REFERENCE, outcomes, {backend: told("complex128")}, graph=plan.graph)


def reasons(verdict: CaseVerdict, backend: str = "jax") -> dict[str, str]:
    found = verdict.comparisons[Pair(backend, REFERENCE)]
    return {name: one.verdict.reason for name, one in found.items()}


@pytest.mark.parametrize("auto", [True, False])
def test_the_other_side_of_a_cut_is_a_convention_that_is_cited(auto: bool) -> None:
    found = judged(CUT, ABOVE, auto=auto)
    assert found.agrees
    assert {name for name, why in reasons(found).items() if why == "kink"} == {"root", "out", "d X"}
    said, _ = found.notes["jax"]  # of two nodes
    assert said.startswith("has another convention for sqrt at x = -1 - 0i, in ")
    assert said.endswith("gradcmp conventions sqrt")
    detail = found.comparisons[Pair("jax", REFERENCE)]["root"].verdict.detail
    assert "which counts in 2 of 8 elements" in detail
    assert found.outcomes["jax"].values["root"][0, 1] == 1  # what it computed is what is shown


def test_a_side_may_choose_by_element_as_vector_units_do() -> None:
    assert judged(CUT, ("-1-0j", "3+1j", "-2+0j", "-4+0j")).agrees


def test_who_was_measured_to_follow_the_sign_is_wrong() -> None:
    found = judged(CUT, ABOVE, backend="torch")
    assert {pair for pair, _, _ in found.disagreements} == {Pair("torch", REFERENCE)}
    assert not found.notes


def at(i: int, value: Callable[[Any], Any], of: str) -> Spoil:
    """Return what spoils one element of one tensor."""

    def spoil(name: str, z: Any) -> Any:
        return np.where(np.arange(len(z)) == i, value(z), z) if name == of else z

    return spoil


WRONG: Mapping[str, Mapping[str, Spoil]] = {
    "another value at the point": {"spoil": at(0, lambda z: z * 1.5, "root")},
    "a slope of the wrong side at the point": {"slope": at(0, np.negative, "X")},
    "half a slope at the point": {"slope": at(0, lambda z: z / 2, "X")},
    "NaN at the point": {"slope": at(0, lambda z: z * np.nan, "X")},
    "another value elsewhere": {"spoil": at(2, np.conj, "root")},
    "another slope elsewhere": {"slope": at(1, np.conj, "X")},
    "a slope of the other side above the cut": {"slope": at(2, np.negative, "X")},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_no_side_of_the_cut_gives_is_wrong(wrong: Mapping[str, Spoil]) -> None:
    assert not judged(CUT, ABOVE, auto=False, **wrong).agrees
    for alone in (False, True):
        assert not judged(CUT, ABOVE, alone=alone, **wrong).agrees


def test_what_no_side_of_the_cut_gives_is_no_noise() -> None:
    both = {"spoil": at(0, lambda z: z * 1.001, "root"), "slope": at(1, lambda z: z * 1.001, "X")}
    for alone in (False, True):
        found = judged(CUT, ABOVE, alone=alone, **both)
        assert {name for _, name, _ in found.disagreements} >= {"root", "d X"}


ZERO = ("0+0j", "3+1j", "-2+1j", "1j")
NAN: Spoil = at(0, lambda z: z * np.nan, "X")


@pytest.mark.parametrize("auto", [True, False])
def test_where_there_is_no_slope_nan_is_one_answer(auto: bool) -> None:
    found = judged(NO_ANGLE, ZERO, values=ZERO, slope=NAN, auto=auto)
    assert found.agrees
    assert reasons(found)["d X"] == "kink"
    assert "angle at x = 0 + 0i" in found.notes["jax"][0]
    assert judged(NO_ANGLE, ZERO, values=ZERO, auto=auto).agrees


WITHOUT_SLOPE: Mapping[str, Mapping[str, Any]] = {
    "a number that is no convention": {"slope": at(0, lambda z: z + 1, "X")},
    "NaN elsewhere": {"slope": at(1, lambda z: z * np.nan, "X")},
    "NaN everywhere": {"slope": lambda name, z: z * np.nan if name == "X" else z},
    "a value": {"spoil": at(0, lambda z: z + 1, "turn"), "slope": NAN},
    "another slope elsewhere": {"slope": lambda n, z: NAN(n, at(1, np.conj, "X")(n, z))},
    "a backend that has the reference's": {"slope": NAN, "backend": "torch"},
}


@pytest.mark.parametrize("wrong", WITHOUT_SLOPE.values(), ids=WITHOUT_SLOPE)
def test_what_no_convention_gives_is_wrong(wrong: Mapping[str, Any]) -> None:
    assert not judged(NO_ANGLE, ZERO, values=ZERO, auto=False, **wrong).agrees
    for alone in (False, True):
        assert not judged(NO_ANGLE, ZERO, values=ZERO, alone=alone, **wrong).agrees


def test_two_backends_on_two_sides_are_both_right() -> None:
    case = case_of(CUT, BELOW, "jax", True)
    case = replace(case, backends=(*case.backends, BackendSpec("torch")))
    text, plan = tuple(CUT.items()), check(case)
    known = recorded(text, BELOW, "complex128")
    below, above = (recorded(text, values, "complex64") for values in (BELOW, ABOVE))
    above = replace(above, values={**above.values, "X": below.values["X"]})
    found = judge(plan.case, REFERENCE, {REFERENCE: known, "jax": above, "torch": below})
    assert found.agrees
    (why,) = {
        found.comparisons[p]["root"].verdict.reason
        for p in found.comparisons
        if {p.actual, p.expected} == {"jax", "torch"}
    }
    assert why == "kink"
