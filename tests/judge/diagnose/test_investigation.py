"""A verdict says why and whose: cause, side and teeth, from the recordings of one case."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from autocases import CASES, PAIR, case, draw, record, spoiled, verdict

from gradcmp.case import DTypeTable, Fixed
from gradcmp.graph import build
from gradcmp.judge import judge
from gradcmp.judge.auto.graph_noise import GraphNoise
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.diagnose.insight import GraphInsight
from gradcmp.judge.diagnose.investigation import Investigation
from gradcmp.judge.tensor_judge import Exact
from gradcmp.judge.verdict import Pair


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda d: -d, "sign"),
        (lambda d: d / 12, "12 × too small"),
        (lambda d: np.zeros_like(d), "zero"),
        (lambda d: d[:, ::-1].copy(), "revers"),
    ],
)
def test_the_likely_cause_and_the_side_are_named(change, cause):
    there = CASES["product"]
    found = verdict(there, draw(there), spoil=spoiled("y", change)).findings[PAIR]["d y"]
    assert cause in found.causes[0].text
    assert found.side == "torch"


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("tensor", ["y", "out"])
def test_the_side_that_is_no_finite_number_is_named(wrong, tensor):
    """Of a gradient; and of the output's value, which the reference defines."""
    there = CASES["product"]

    def poison(recording):
        part = "gradients" if tensor == "y" else "values"
        arrays = dict(getattr(recording, part))
        arrays[tensor] = arrays[tensor] + np.asarray(wrong, arrays[tensor].dtype)
        return replace(recording, **{part: arrays})

    judged = verdict(there, draw(there), spoil=poison)
    name = "d y" if tensor == "y" else "out"
    assert judged.comparisons[PAIR][name].verdict.reason == "non-finite"
    assert judged.findings[PAIR][name].side == "torch"


def test_the_reference_is_blamed_for_a_nan_of_its_own():
    there = case(a="where(x > 0, sqrt(x), 3 * x)", out="a * y")
    judged = verdict(there, draw(there), spoil=spoiled("x", lambda d: np.nan_to_num(d, nan=1.0)))
    assert judged.comparisons[PAIR]["d x"].verdict.reason == "non-finite"
    assert judged.findings[PAIR]["d x"].side == "torch and numpy"  # 1 is no slope of it either


def test_garbage_has_no_cause():
    there = CASES["product"]
    rng = np.random.default_rng(9)

    def garbage(gradient):
        return (gradient + rng.standard_normal(gradient.shape)).astype(gradient.dtype)

    found = verdict(there, draw(there), spoil=spoiled("y", garbage)).findings[PAIR]["d y"]
    assert found.causes == ()
    assert found.side == "torch"


def test_the_reference_is_blamed_when_it_is_off_although_all_others_agree():
    there = CASES["product"]
    inputs = draw(there)
    wrong = spoiled("y", lambda d: d * 1.5)(record("numpy", there, inputs, "float64"))
    others = {name: record(name, there, inputs, "float32") for name in ("torch", "jax")}
    twins = {name: record(name, there, inputs, "float64") for name in others}
    judged = judge(there, "numpy", {"numpy": wrong, **others}, twins)
    assert judged.findings[PAIR]["d y"].side == "numpy"
    assert judged.comparisons[Pair("jax", "torch")]["d y"].agrees


def test_a_gradient_that_is_truly_zero_is_a_weak_check_and_strict_fails_it():
    there = case(a="x - x", out="sum(a * y + y)")
    judged = verdict(there, draw(there))
    assert "zero" in judged.sensitivity["d x"].survivors
    assert "d x" in judged.weak
    assert "d out" not in judged.sensitivity
    assert judged.agrees
    assert not verdict(replace(there, strict=True), draw(there)).agrees


def test_a_tolerance_so_wide_that_it_passes_anything_has_no_teeth():
    there = CASES["product"]
    wide = replace(there, tolerance=Fixed(rtol=0.0, atol=100.0))
    assert {"zero", "negated"} <= set(verdict(wide, draw(there)).sensitivity["d y"].survivors)
    table = replace(there, tolerance=DTypeTable())
    assert not verdict(table, draw(there)).sensitivity["d y"].weak


def test_a_good_check_has_teeth():
    assert verdict(CASES["deep"], draw(CASES["deep"])).weak == ()


def test_an_array_of_another_shape_is_explained_too():
    there = CASES["product"]
    judged = verdict(there, draw(there), spoil=spoiled("y", lambda d: d.T.copy()))
    assert judged.comparisons[PAIR]["d y"].verdict.reason == "shape"
    assert "transposed" in judged.findings[PAIR]["d y"].causes[0].text


@dataclass(frozen=True)
class Rough:
    """What an estimate allows: a thousand million times too much."""

    right: Exact
    sure: bool

    @property
    def least(self):
        return self.likely if self.sure else 1e-12 * self.likely

    @property
    def likely(self):
        return 1e9 * self.right.likely

    most = likely


@dataclass(frozen=True)
class RoughFirst:
    """A way to measure that tells a rough estimate of allowances first."""

    rule: NoiseJudge
    sure: bool

    def allowances(self, name, expected, dtype):
        *_, right = self.rule.allowances(name, expected, dtype)
        yield Rough(right, self.sure)
        yield right


def test_where_an_estimate_is_not_sure_of_its_sensitivity_a_calibration_decides():
    """One that is sure is believed, however wrong; one that is not costs a calibration."""
    there, inputs = CASES["deep"], draw(CASES["deep"])
    reference = record("numpy", there, inputs, "float64")
    recordings = {"numpy": reference, "torch": record("torch", there, inputs, "float32")}
    graph = build(there)
    rule = NoiseJudge(GraphNoise(graph, reference), "numpy", recordings, {})

    def sensitivity(rule):
        insight = GraphInsight(graph, reference)
        return Investigation(graph, insight, "numpy", recordings, rule).sensitivity()

    plain = sensitivity(rule)
    assert not any(one.weak for one in plain.values())
    assert all(one.weak for one in sensitivity(RoughFirst(rule, sure=True)).values())
    assert sensitivity(RoughFirst(rule, sure=False)) == plain


def test_nobody_goes_unjudged_for_standing_behind_many_who_computed_the_same():
    """The reference is wrong in everything, so that all pairs with it are odd; so is the last."""
    there = case(a="x * y", b="a + x", c="b * y", d="c + a", out="sum(d * d)")
    inputs = draw(there)
    names = ("x", "y", "a", "b", "c", "d")
    labels = [f"right{number}" for number in range(7)] + ["last"]

    def wrong(recording, factor):
        for name in names:
            recording = spoiled(name, lambda d: (d * factor).astype(d.dtype))(recording)
        return recording

    def recorded(label, dtype):
        made = record(label, there, inputs, dtype)
        return wrong(made, 2) if label == "last" else made

    outcomes = {"numpy": wrong(record("numpy", there, inputs, "float64"), -1)}
    outcomes |= {label: recorded(label, "float32") for label in labels}
    twins = {label: recorded(label, "float64") for label in labels}
    judged = judge(there, "numpy", outcomes, twins)
    for name in names:
        groups = judged.groups[f"d {name}"]
        assert [group.labels for group in groups.groups] == [("numpy",), (*labels[:-1],), ("last",)]
        assert groups.wrong == ("numpy", "last")
