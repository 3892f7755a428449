"""Complex numbers before the judge: noise of both parts, and every way to forget a conjugate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from gradcmp.backends import import_adapter
from gradcmp.case import Auto, BackendSpec, Case, DTypeTable, Expression, Fixed, InputSpec
from gradcmp.dtypes.arrays import in_parts, of_parts
from gradcmp.judge import CaseVerdict
from gradcmp.judge.auto.graph_noise import GraphNoise
from gradcmp.judge.case import judge
from gradcmp.judge.causes.finite_differences import U
from gradcmp.judge.diagnose.graph_primal import GraphPrimal
from gradcmp.judge.diagnose.slopes import complex_step
from gradcmp.judge.verdict import Pair
from gradcmp.parts.composed import OF_WHOLE
from gradcmp.plan import Plan, check
from gradcmp.recording import Recording
from gradcmp.tolerances import Tolerance
from gradcmp.workers.wire import job_from_bytes, request_to_bytes

Spoil = Callable[[Any], Any]

ACTUAL, REFERENCE = "numpy,dtype=complex64", "numpy"
PAIR = Pair(ACTUAL, REFERENCE)
ADAPTER = import_adapter("numpy")("cpu")
TOLERANCES: Mapping[str, Tolerance] = {
    "auto": Auto(),
    "table": DTypeTable(),
    "fixed": Fixed(1e-3, 1e-5),
}
BODY = {"h": "tanh(X @ W)", "size": "abs(h)", "out": "h * conj(V) + exp(-h) / 3"}


def case_of(body: Mapping[str, str] = BODY, tolerance: Tolerance | None = None) -> Case:
    """Return a case of two numpys, one in complex64."""
    text = " ".join(body.values())
    shapes = {"X": (5, 4), "W": (4, 3), "V": (5, 3), "A": (3, 3), "Y": (3, 3)}
    return Case(
        "complex",
        {name: InputSpec("normal", shape) for name, shape in shapes.items() if name in text},
        {name: Expression(one) for name, one in body.items()},
        backends=(BackendSpec("numpy"), BackendSpec("numpy", dtype="complex64")),
        tolerance=tolerance or Auto(),
        dtype="complex64",
    )


@dataclass(frozen=True)
class Ran:
    """What both sides, and the coarser one's twin, computed."""

    plan: Plan
    outcomes: Mapping[str, Recording]
    twin: Recording

    def judged(self, spoil: Spoil, name: str = "X", twin: bool = False) -> CaseVerdict:
        """Judge with one gradient spoiled on the actual side, in complex64 alone or in both."""
        actual = spoiled(self.outcomes[ACTUAL], name, spoil)
        fine = spoiled(self.twin, name, spoil) if twin else self.twin
        outcomes = {**self.outcomes, ACTUAL: actual}
        plan = self.plan
        return judge(plan.case, REFERENCE, outcomes, {ACTUAL: fine}, graph=plan.graph)


def spoiled(recording: Recording, name: str, spoil: Spoil) -> Recording:
    """Return a recording with another gradient, spoiled as a complex array."""
    whole = of_parts(recording.gradients[name])
    wrong = in_parts(np.asarray(spoil(whole), whole.dtype))
    return replace(recording, gradients={**recording.gradients, name: wrong})


def ran(case: Case) -> Ran:
    """Run a case in this process, over the wire's bytes and back."""
    plan = check(case)
    requests = {one.label: one for one in plan.requests(plan.draw())}
    fine = replace(requests[ACTUAL], spec=replace(requests[ACTUAL].spec, dtype="complex128"))
    found = {
        label: ADAPTER.record(job_from_bytes(request_to_bytes(one)))
        for label, one in {**requests, "twin": fine}.items()
    }
    return Ran(plan, {label: found[label] for label in requests}, found["twin"])


# Where the float64 run counts, what is wrong is wrong in complex64 alone, and in both.
WAYS = [("auto", False), ("auto", True), ("table", False), ("fixed", False)]


@cache
def judged_by(tolerance: str) -> Ran:
    return ran(case_of(tolerance=TOLERANCES[tolerance]))


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_what_is_right_agrees(tolerance: str) -> None:
    run = judged_by(tolerance)
    verdict = run.judged(lambda dx: dx)
    assert verdict.agrees
    assert {"h", "size", "out", "d h", "d X", "d W", "d V"} <= {*verdict.comparisons[PAIR]}
    shapes = {name: array.shape for name, array in run.outcomes[ACTUAL].tensors.items()}
    assert shapes["d X"] == (5, 4, 2)
    assert shapes["size"] == (5, 3)


WRONG: Mapping[str, Spoil] = {
    "conjugate": np.conj,
    "no imaginary part": np.real,
    "no real part": lambda dx: 1j * dx.imag,
    "another sign": np.negative,
    "turned by i": lambda dx: 1j * dx,
    "both parts exchanged": lambda dx: dx.imag + 1j * dx.real,
    "one imaginary part is off": lambda dx: dx + 0.5j * (np.arange(20) == 7).reshape(5, 4),
    "one is NaN in one part": lambda dx: np.where(np.arange(4) == 2, complex(0, np.nan), dx),
    "transposed": lambda dx: dx.reshape(dx.shape[::-1]).T,
}


@pytest.mark.parametrize(("tolerance", "twin"), WAYS)
@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_what_is_wrong_disagrees(tolerance: str, twin: bool, spoil: Spoil) -> None:
    verdict = judged_by(tolerance).judged(spoil, twin=twin)
    assert not verdict.agrees
    assert {n for n, one in verdict.comparisons[PAIR].items() if not one.agrees} == {"d X"}


def test_a_forgotten_conjugate_is_named() -> None:
    verdict = ran(case_of()).judged(np.conj, twin=True)
    (cause, *_) = verdict.findings[PAIR]["d X"].causes
    assert "complex conjugate" in cause.text
    detail = verdict.comparisons[PAIR]["d X"].verdict.detail
    assert "index 0 of the last axis is the real part" in detail
    assert verdict.findings[PAIR]["d X"].side == ACTUAL


# Of each kind of primitive that is composed of real ones.
COMPOSED = (
    "A * Y - A / Y + 2 / A",
    "exp(A) + log(Y) * sqrt(A)",
    "sin(A) * cos(Y) + sinh(A) / cosh(Y)",
    "tanh(A) - A ** 3 + Y ** -2",
    "abs(A) * real(Y) + imag(A) * angle(Y)",
    "complex(abs(A), real(Y)) * conj(A)",
    "inv(A) @ solve(Y, A)",
    "det(A) * det(Y @ A)",
    "cumulative_sum(A, axis=0) * concat([Y[:1], Y[1:]], axis=0)",
)


@pytest.mark.parametrize("text", COMPOSED)
def test_noise_is_that_of_the_same_numbers(text: str) -> None:
    """What carries noise has the reference's numbers at its base, and a run in complex64 within."""
    both = ran(case_of({"out": text}))
    reference, actual = both.outcomes[REFERENCE], both.outcomes[ACTUAL]
    noise = GraphNoise(both.plan.graph, reference)
    scales = noise.of("float32")
    assert not noise.fallback_reason
    loud = []
    for name, scale in scales.items():
        known = reference.tensors[name]
        assert np.all(np.abs(scale.base - known) <= 1e-12 * np.abs(known).max()), name
        loud.append(np.max(np.abs(actual.tensors[name] - known) / scale.s))
        assert scale.s.max() <= 1e3 * U * np.abs(known).max(), name  # it lets no bug through
    assert max(loud) < 4


@pytest.mark.parametrize("text", COMPOSED[:-3])
def test_a_step_in_either_part_finds_the_gradient(text: str) -> None:
    """The arbiter's complex step goes through real and imaginary parts."""
    both = ran(case_of({"out": text}))
    known = both.outcomes[REFERENCE]
    given = {name: known.values[name] for name in both.plan.graph.inputs}
    primal = GraphPrimal(both.plan.graph, given, known.gradients["out"])
    for name in ("A", "Y"):
        for part in (0, 1):
            index = (1, 2, part)
            truth = complex_step(primal.line({name: primal.unit(name, index)}))
            assert truth is not None
            assert (
                abs(truth.value - known.gradients[name][index]) <= 1e-12 * abs(truth.value) + 1e-13
            )


def test_without_a_model_the_noise_is_that_of_nearby_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for routine in [*OF_WHOLE]:
        monkeypatch.delitem(OF_WHOLE, routine)
    both = ran(case_of({"out": "det(A) * Y"}))
    noise = GraphNoise(both.plan.graph, both.outcomes[REFERENCE])
    assert noise.of("float32")["d A"].own
    assert "det of complex matrices" in noise.fallback_reason
    assert both.judged(lambda dx: dx, "A").agrees
    assert not both.judged(np.conj, "A", twin=True).agrees


def test_a_determinant_is_right_without_a_warning() -> None:
    """Its noise is that of the whole matrix, however small a part of it is."""
    both = ran(case_of({"out": "det(A) * det(Y)"}))
    right = both.judged(lambda dx: dx, "A")
    assert right.agrees
    assert not right.warnings
    known = both.outcomes[REFERENCE]
    given = {name: known.values[name] for name in both.plan.graph.inputs}
    primal = GraphPrimal(both.plan.graph, given, known.gradients["out"])
    assert complex_step(primal.line({"A": primal.unit("A", (0, 0, 1))})) is None  # it would be lost
    for spoil in (np.conj, lambda dx: dx * (1 + 1e-3j), np.transpose):
        assert not both.judged(spoil, "A").agrees
        assert not both.judged(spoil, "A", twin=True).agrees


FAR = ("400+1j", "-800+2j", "0.5+0.25j", "30-1j")


def test_far_out_the_noise_of_tanh_is_a_number(recwarn: pytest.WarningsRecorder) -> None:
    """The slope, 1 / cosh(x) ** 2, is 0 there, and the imaginary part of the value as well."""
    given = {"X": InputSpec("values", None, {"values": [*FAR]})}
    both = ran(replace(case_of({"out": "tanh(X)"}), inputs=given))
    scales = GraphNoise(both.plan.graph, both.outcomes[REFERENCE]).of("float32")
    assert all(np.isfinite(one.s).all() for one in scales.values())
    assert np.allclose(of_parts(scales["out"].base)[:2], [1, -1], rtol=0, atol=1e-15)
    right = both.judged(lambda dx: dx)
    assert right.agrees
    assert not right.warnings
    assert not recwarn.list
    for spoil in (lambda dx: dx + 1e-3 * (np.arange(4) == 0), np.negative):
        assert not both.judged(spoil).agrees
        assert not both.judged(spoil, twin=True).agrees


def test_a_wrong_convention_of_the_upstream_gradient_disagrees() -> None:
    """Who takes the cotangent for its conjugate has another gradient everywhere."""
    both = ran(case_of())
    request = next(iter(both.plan.requests(both.plan.draw())))
    upstream = request.cotangent * np.array([1.0, -1.0])
    other = replace(request, label=ACTUAL, cotangent=upstream)
    wrong = ADAPTER.record(job_from_bytes(request_to_bytes(other)))
    outcomes = {**both.outcomes, ACTUAL: wrong}
    verdict = judge(both.plan.case, REFERENCE, outcomes, {}, graph=both.plan.graph)
    assert not verdict.agrees


# On the cut of the negative real axis, by the sign of an imaginary part that is 0.
CUT = ("sum(real(sqrt(X)))", "sum(real(log(X) * V))", "sum(angle(X))")


@pytest.mark.parametrize("text", CUT)
@pytest.mark.parametrize("start", ["-1-0j", "-1+0j"])
@pytest.mark.parametrize("spoil", [np.negative, lambda dx: dx / 2], ids=["sign", "half"])
def test_on_a_cut_the_noise_is_no_larger(text: str, start: str, spoil: Spoil) -> None:
    case = case_of({"out": text})
    given = {name: InputSpec("values", None, {"values": [start, "3+0j"]}) for name in case.inputs}
    both = ran(replace(case, inputs=given))
    assert both.judged(lambda dx: dx).agrees
    assert not both.judged(lambda dx: np.where([True, False], spoil(dx), dx)).agrees
    assert not both.judged(lambda dx: np.where([True, False], spoil(dx), dx), twin=True).agrees
    assert both.outcomes[ACTUAL].tensors["d X"].shape == (2, 2)


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_the_angle_of_what_is_tiny_or_huge_has_its_gradient(size: float) -> None:
    """Of a (1 + i) it is (-1 + i) / (2 a), although the squares are beyond float32."""
    case = case_of({"out": "sum(angle(X))"})
    given = {"X": InputSpec("values", None, {"values": [f"{size}+{size}j", "2j"]})}
    both = ran(replace(case, inputs=given))
    for recording in both.outcomes.values():
        found = of_parts(recording.gradients["X"])[0]
        assert abs(found * 2 * size - (-1 + 1j)) < 1e-6
    assert both.judged(lambda dx: dx).agrees
    assert not both.judged(lambda dx: dx * 1.5).agrees
