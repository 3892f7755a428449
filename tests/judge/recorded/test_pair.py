"""Recordings held together: by case where they have one, else by name; nothing is passed over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from squares import DY, PAIR, RNG, TABLE, X, of, reasons, square

from gradcmp.case import Auto, Expression, Fixed, Ulp
from gradcmp.errors import ExitCode, NothingComparedError, UsageError
from gradcmp.judge.recorded.pair import Names, judge_pair
from gradcmp.recording import COTANGENT, Recording


def loose(**arrays):
    return Recording("", "", arrays, {})


def hold(actual, expected, names=None, tolerance=TABLE):
    return judge_pair(PAIR, actual, expected, tolerance, names or Names())


def test_a_case_is_judged_as_in_a_run():
    verdict = hold(square(), square("float64"))
    assert verdict.exit_code is ExitCode.AGREE
    assert verdict.tensors == ("Y", "d Y", "d X")
    assert verdict.case.graph == {"Y": Expression("X * X")}


@pytest.mark.parametrize("kind", ["values", "gradients"])
def test_one_spoiled_element_is_found(kind):
    spoiled = square()
    name = "Y" if kind == "values" else "X"
    array = getattr(spoiled, kind)[name].copy()
    array[2, 1] *= 1 + 1e-3
    spoiled = replace(spoiled, **{kind: {**getattr(spoiled, kind), name: array}})
    verdict = hold(spoiled, square())
    ((_, found, comparison),) = verdict.disagreements
    assert found == (name if kind == "values" else f"d {name}")
    assert comparison.worst.index == (2, 1)
    assert verdict.exit_code is ExitCode.DISAGREE


@pytest.mark.parametrize("missing", ["X", "Y"])
def test_a_missing_gradient_is_no_zero(missing):
    whole = square()
    fewer = replace(
        whole, gradients={name: a for name, a in whole.gradients.items() if name != missing}
    )
    assert reasons(hold(fewer, whole)) == {f"d {missing}": "missing"}
    assert reasons(hold(whole, fewer)) == {f"d {missing}": "missing"}


def test_swapped_names_are_found():
    a, b = RNG.standard_normal((2, 5))
    assert reasons(hold(loose(a=b, b=a), loose(a=a, b=b))) == {"a": "tolerance", "b": "tolerance"}
    crossed = Names({"a": "b", "b": "a"})
    assert hold(loose(a=b, b=a), loose(a=a, b=b), crossed).agrees


def test_a_stray_dtype_is_found():
    wrong = square()
    wrong = replace(wrong, gradients={**wrong.gradients, "X": wrong.gradients["X"].astype("f8")})
    assert reasons(hold(wrong, square())) == {"d X": "dtype"}
    other = replace(square().origin.case, graph={"Y": Expression("X ** 2")})
    same = replace(square(), origin=replace(square().origin, case=other))
    assert reasons(hold(wrong, same)) == {"d X": "dtype"}


def test_another_graph_is_compared_by_name_without_inputs_and_steps():
    origin = square().origin
    case = replace(origin.case, graph={"Y": Expression("square(X)")})
    other = replace(
        square(),
        values={**square().values, "X": X.astype("f4") + 1, "Y/1": np.ones(2, "f4")},
        origin=replace(origin, case=case),
    )
    verdict = hold(square(), other)
    assert verdict.tensors == ("Y", "d Y", "d X")
    assert verdict.agrees


def test_arrays_without_a_case_are_held_against_one_with():
    mine = loose(dX=square().gradients["X"])
    names = Names({"dX": "d X"}, ("d X",))
    assert hold(mine, square(), names).tensors == ("d X",)
    assert hold(mine, square(), names).agrees
    assert hold(mine, square(), names).recordings[PAIR.actual].tensors.keys() == {"d X"}
    assert not hold(loose(dX=-mine.values["dX"]), square(), names).agrees
    all_of_mine = hold(mine, square(), Names({"dX": "d X"}))
    assert all_of_mine.agrees
    assert all_of_mine.not_given == {PAIR: ("Y", "d Y")}


@pytest.mark.parametrize("swapped", [False, True])
def test_what_ones_own_arrays_leave_out_is_unknown(swapped):
    """But a gradient that the case asks for and that is lost beside another is missing."""

    def judged(**arrays):
        sides = (square(), loose(**arrays)) if swapped else (loose(**arrays), square())
        return hold(*sides)

    fine = {"Y": square().values["Y"], "d Y": square().gradients["Y"]}
    values = judged(Y=fine["Y"])
    assert values.agrees
    assert values.not_given == {PAIR: ("d Y", "d X")}
    assert reasons(judged(**fine)) == {"d X": "missing"}
    assert not judged(**fine).not_given
    assert reasons(judged(Y=-fine["Y"])) == {"Y": "tolerance"}
    assert reasons(judged(**{"Y": fine["Y"], "q": fine["Y"]})) == {"q": "missing"}


def test_what_is_asked_for_by_name_must_be_there():
    assert reasons(hold(loose(Y=square().values["Y"]), square(), Names(only=("d Y", "Y")))) == {
        "d Y": "missing"
    }


def test_two_recordings_owe_each_other_every_tensor():
    other = replace(square().origin.case, graph={"Y": Expression("X ** 2")})
    fewer = replace(square(), values={}, origin=replace(square().origin, case=other))
    assert reasons(hold(fewer, square())) == {"Y": "missing"}


def test_what_a_missing_name_may_mean_is_proposed():
    dx, y = square().gradients["X"], square().values["Y"]
    known = square()
    verdict = hold(loose(**{"d X": dx, "grad_Y": known.gradients["Y"]}), known)
    assert '--map "grad_Y=d Y"' in verdict.comparisons[PAIR]["grad_Y"].verdict.detail
    back = hold(known, loose(**{"d X": dx, "y": y}))
    assert '--map "Y=y"' in back.comparisons[PAIR]["y"].verdict.detail
    other = hold(loose(**{"d X": dx, "Yy": y[:2]}), known)  # of another shape
    assert "--map" not in other.comparisons[PAIR]["Yy"].verdict.detail


def kernel(change=1.0, dtype="float32"):
    """A gradient from somewhere, one element of which is off by a factor."""
    dx = square(dtype).gradients["X"].copy()
    dx[2, 1] *= change
    return loose(dX=dx)


THEIRS = Names({"dX": "d X"}, ("d X",))


@pytest.mark.parametrize("swapped", [False, True])
def test_arrays_of_ones_own_are_judged_by_the_noise_of_the_recording(swapped):
    known = of(square(), "torch", given={"X": X, COTANGENT: DY}, twin=square("float64"))

    def judged(mine):
        if swapped:  # by the names that the graph has
            theirs = loose(**{"d X": mine.values["dX"]})
            return judge_pair(PAIR, known, theirs, Auto(), Names(only=("d X",)))
        return judge_pair(PAIR, mine, known, Auto(), THEIRS)

    right, wrong = judged(kernel()), judged(kernel(1.001))
    assert "auto" in right.comparisons[PAIR]["d X"].rule
    assert right.agrees
    assert reasons(wrong) == {"d X": "suspect"}
    assert wrong.findings[PAIR]["d X"].side == (PAIR.expected if swapped else PAIR.actual)
    assert wrong.divergences[PAIR]["d X"].origin == "d X"


def test_one_ulp_of_float64_is_not_judged_as_if_it_were_float32():
    """Whatever the other arrays of the file are; and a float64 kernel is its own twin."""
    known = of(square(), "torch", given={"X": X, COTANGENT: DY}, twin=square("float64"))
    mixed = kernel(1.001, "float64")
    assert reasons(judge_pair(PAIR, mixed, known, Auto(), THEIRS)) == {"d X": "bug"}
    fine = of(square("float64"), "numpy", given={})
    slight = kernel(1 + 1e-9, "float64")
    slight = replace(slight, values={**slight.values, "other": np.zeros(2, np.float16)})
    assert reasons(judge_pair(PAIR, slight, fine, Auto(), THEIRS)) == {"d X": "suspect"}
    assert judge_pair(PAIR, kernel(1.0, "float64"), fine, Auto(), THEIRS).agrees


def test_names_of_ones_own_on_the_expected_side_are_judged_by_the_noise_too():
    known = of(square(), "torch", given={"X": X, COTANGENT: DY})
    verdict = judge_pair(PAIR, known, kernel(), Auto(), Names({"d X": "dX"}, ("dX",)))
    assert verdict.agrees
    assert verdict.tensors == ("d X",)
    assert verdict.case.tolerance == Auto()
    wrong = judge_pair(PAIR, known, kernel(1.001), Auto(), Names({"d X": "dX"}))
    assert reasons(wrong) == {"d X": "suspect"}


def test_the_tolerance_that_was_asked_for_is_used():
    one, other = loose(a=np.float32([1.0])), loose(a=np.float32([1.0]) + np.spacing(np.float32(1)))
    assert hold(one, other, tolerance=Ulp(1)).agrees
    assert not hold(one, other, tolerance=Ulp(0)).agrees
    assert not hold(one, other, tolerance=Fixed(1e-9, 0.0)).agrees


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (Names({"b": "a"}), "no tensor is called 'b'"),
        (Names({"a": "z"}), "no tensor is called 'z'"),
        (Names(only=("z",)), "no tensor is called 'z'"),
    ],
)
def test_a_name_that_nothing_has_is_an_error(names, words):
    with pytest.raises(UsageError, match=words):
        hold(loose(a=X), loose(a=X), names)


def test_two_tensors_of_one_name_are_an_error():
    with pytest.raises(UsageError, match="two tensors would be called 'b'"):
        hold(loose(a=X, b=X), loose(a=X, b=X), Names({"a": "b"}))


def test_nothing_to_compare_is_an_error():
    with pytest.raises(NothingComparedError):
        hold(loose(), loose())
