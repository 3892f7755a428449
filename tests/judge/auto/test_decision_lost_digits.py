"""Who loses all digits to the usual formula of an op is warned of, and not blamed."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from autocases import PAIR, case, draw, one_element, reasons, record, spoiled, verdict
from op_calls import DIFFERENTIABLE

from gradcmp.graph import backward, build, forward
from gradcmp.graph.walk import constants_of
from gradcmp.judge.auto.graph_noise import GraphNoise
from gradcmp.judge.noise.model import NoModelError
from gradcmp.ops import tails
from gradcmp.ops.registry import OPS
from gradcmp.ops.tails import gauss, normal_distribution

FAR = {"sigmoid": 40.0, "tanh": 20.0, "expm1": -40.0, "gelu": -10.0}


def far(op, at=None):
    """A case with the op far out at two elements, and nearer elsewhere."""
    there = case(h=f"{op}(x)", out="h * y")
    inputs = draw(there)
    inputs["x"][1, 1] = inputs["x"][3, 0] = FAR[op] if at is None else at
    return there, inputs


def zeroed(inputs):
    large = np.abs(inputs["x"]) > 5
    return spoiled("x", lambda d: np.where(large, 0, d).astype(d.dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("op", ["sigmoid", "tanh", "expm1"])
def test_who_lost_all_digits_is_warned_of(op, dtype):
    there, inputs = far(op)
    judged = verdict(there, inputs, spoil=zeroed(inputs), dtype=dtype)
    assert reasons(judged)["d x"] == "precision"
    assert "all digits are lost at" in judged.comparisons[PAIR]["d x"].verdict.detail
    assert judged.exit_code == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", ["sigmoid", "tanh", "expm1"])
def test_without_a_float64_run_so_it_is(op, dtype):
    there, inputs = far(op)
    judged = verdict(there, inputs, spoil=zeroed(inputs), dtype=dtype, twin=False)
    assert reasons(judged)["d x"] == "precision"


@pytest.mark.parametrize("op", FAR)
def test_who_has_the_right_number_agrees_plainly(op):
    there, inputs = far(op)
    judged = verdict(there, inputs, dtype="float64")
    assert not judged.warnings
    assert not judged.disagreements


def test_what_float64_has_is_plain_rounding_in_float32():
    """Of sigmoid'(20) = 2e-9 float32 has lost all, and float64 has eight digits."""
    there, inputs = far("sigmoid", 20.0)
    judged = verdict(there, inputs)
    assert reasons(judged)["d x"] == "rounding"


@pytest.mark.parametrize("op", ["sigmoid", "tanh", "expm1"])
def test_what_is_wrong_elsewhere_is_found(op):
    there, inputs = far(op)
    lost = zeroed(inputs)
    wrong = spoiled("x", one_element(1.001))
    assert reasons(verdict(there, inputs, spoil=lambda r: wrong(lost(r))))["d x"] == "bug"
    flipped = spoiled("x", lambda d: -d)
    assert reasons(verdict(there, inputs, spoil=lambda r: flipped(lost(r))))["d x"] == "bug"


def test_a_gradient_that_is_zero_in_theory_is_not_lost():
    """The sum of a softmax is one, whatever x is."""
    there = case(s="softmax(x * 5, axis=1)", out="sum(s)")
    judged = verdict(there, draw(there))
    assert reasons(judged)["d x"] in ("rounding", "exact")


def noise_of(there, inputs):
    return GraphNoise(build(there), record("numpy", there, inputs, "float64"))


@pytest.mark.parametrize("op", FAR)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_what_the_usual_formula_loses_is_found_without_replicas(op, dtype):
    assert noise_of(*far(op)).lost_digits(dtype)
    assert not noise_of(*far(op, 0.5)).lost_digits("bfloat16")


def test_formulas_that_lost_nothing_need_no_calibration(calibrations):
    """The gradient is zero in theory, and a softmax near its middle has all of its digits."""
    there = case(s="softmax(x, axis=1)", out="sum(s)")
    judged = verdict(there, draw(there))
    assert reasons(judged)["d x"] == "rounding"
    assert not calibrations


def test_where_there_is_no_model_formulas_may_have_lost_digits(monkeypatch):
    there, inputs = far("sigmoid", 0.5)
    assert not noise_of(there, inputs).lost_digits("float32")

    def without_a_model(*_):
        raise NoModelError("no noise model")

    monkeypatch.setattr("gradcmp.judge.auto.graph_noise.loses_digits", without_a_model)
    assert noise_of(there, inputs).lost_digits("float32")


def test_a_formula_that_is_not_finite_has_lost_digits():
    """Fail closed: of what is not finite nothing is known."""
    there, inputs = far("sigmoid", 0.5)
    inputs = {name: np.full_like(array, np.nan) for name, array in inputs.items()}
    assert noise_of(there, inputs).lost_digits("float32")


def test_without_the_question_nobody_would_be_warned(monkeypatch):
    there, inputs = far("sigmoid")
    monkeypatch.setattr(GraphNoise, "lost_digits", lambda self, dtype: False)
    assert reasons(verdict(there, inputs, spoil=zeroed(inputs)))["d x"] == "rounding"


def test_the_ops_that_have_two_formulas_say_so(monkeypatch):
    """Every example is run, and who asks for a formula is noted."""
    found = set()
    was = tails.precise

    def noted(*arguments):
        found.add(op.name)
        return was(*arguments)

    for module in [name for name in sys.modules if name.startswith("gradcmp.ops.")]:
        if getattr(sys.modules[module], "precise", None) is was:
            monkeypatch.setattr(f"{module}.precise", noted)
    for call in DIFFERENTIABLE:
        op = call.op
        tape = forward(call.graph, call.inputs, constants_of(np.dtype(np.float64)))
        backward(call.graph, tape, call.cotangent)
    assert found == {op.name for op in OPS.values() if op.loses_digits}


@pytest.mark.parametrize("x", [-37.5, -20.0, -5.3, -0.8, -0.7, -0.5, 0.0, 0.5, 0.71, 3.0, 40.0])
def test_the_normal_distribution(x):
    found = float(normal_distribution(np.asarray([x]))[0])
    assert math.isclose(found, math.erfc(-x / math.sqrt(2)) / 2, rel_tol=2e-13)


@pytest.mark.parametrize("x", [-25.0, -20.0, -5.3, -0.7, 0.3, 12.7, 25.0])
def test_its_density_by_a_complex_step(x):
    """The derivative of the one formula is the other, to the last digits."""
    step = normal_distribution(np.asarray([x + 1e-30j]))[0].imag / 1e-30
    right = float(gauss(np.asarray([x]))[0]) / math.sqrt(2 * math.pi)
    assert math.isclose(step, right, rel_tol=1e-12)


@pytest.mark.parametrize("x", [1.0, 20.0, 27.3, 37.9])
def test_gauss_is_right_where_a_square_is_rounded(x):
    """By exact fractions: exp(-x^2 / 2) = exp(-n / 2) exp(-rest / 2) for a whole n."""
    from fractions import Fraction

    square = Fraction(x) ** 2
    whole = int(square)
    right = math.exp(-whole / 2) * math.exp(-float(square - whole) / 2)
    assert math.isclose(float(gauss(np.asarray(x))), right, rel_tol=1e-15)
