"""Arrays of one's own: what is said of them with a recording, and with other arrays alone."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from trial import Trial

RNG = np.random.default_rng(23)
A, B = (RNG.standard_normal((4, 4)).astype("f4") for _ in range(2))
LAYER = {"h": "tanh(x @ w)", "loss": "sum(h * h)"}


def layer(x, w):
    """Return the gradients of `LAYER`, derived by hand."""
    h = np.tanh(x @ w)
    back = 2 * h * (1 - h * h)
    return {"d x": back @ w.T, "d w": x.T @ back}


def causes(tensor):
    return " ".join(cause["text"] for cause in tensor["causes"])


CAUSES = {
    "sign": (-A, "sign is flipped"),
    "factor": (3 * A, "a factor of 3"),
    "transposed": (A.T, "transposed"),
    "reversed": (A[::-1], "reversed along axis 0"),
    "zero": (np.zeros_like(A), "zero everywhere"),
    "rolled": (np.roll(A, 1, 0), "rolled by"),
    "an axis of length 1": (A[:, None], "shape"),
    "a sum too many": (A.sum(0), "summed over axis 0"),
}


@pytest.mark.parametrize(("wrong", "words"), CAUSES.values(), ids=CAUSES)
def test_two_files_are_given_causes(wrong, words, diff):
    code, tensors, _ = diff({"g": wrong}, {"g": A})
    if code != 1:
        pytest.fail("the files agree", pytrace=False)
    assert words in causes(tensors["g"])


def test_interchanged_tensors_are_told(diff):
    _, tensors, _ = diff({"a": B, "b": A}, {"a": A, "b": B})
    assert "'b'" in causes(tensors["a"])
    assert "'a'" in causes(tensors["b"])


def test_a_missing_row_is_told(diff):
    _, tensors, _ = diff({"a": np.delete(A, 1, axis=0)}, {"a": A})
    assert re.search(r"(row|index) 1\b", causes(tensors["a"]))


def test_norms_and_the_cosine_are_there(diff):
    _, tensors, _ = diff({"g": 2 * A}, {"g": A})
    norm = float(np.linalg.norm(A.astype("f8")))
    assert np.isclose(tensors["g"]["norm_actual"], 2 * norm, rtol=1e-4)
    assert np.isclose(tensors["g"]["norm_expected"], norm, rtol=1e-4)
    assert np.isclose(tensors["g"]["cosine"], 1, rtol=1e-6)


def test_two_files_are_told_why_auto_does_not_serve(diff):
    _, _, screen = diff({"g": A}, {"g": A}, "--tolerance", "auto")
    assert re.search(r"no graph|without a graph|graph is not known", screen)


def test_what_is_zero_in_theory_is_not_called_wrong_without_a_word(diff):
    """A bias before a softmax: terms of size 10 cancel to rounding, on both sides."""
    terms = (RNG.standard_normal((1000, 4)) * 10).astype("f4")
    terms = np.concatenate([terms, -terms])
    forward, shuffled = terms.cumsum(0)[-1], RNG.permutation(terms).cumsum(0)[-1]
    if np.allclose(forward, shuffled, rtol=1e-5, atol=1e-6):
        pytest.fail("both cancel to the same", pytrace=False)
    code, _, screen = diff({"d b": shuffled, "d w": A}, {"d b": forward, "d w": A})
    assert code == 0 or "zero in theory" in screen


def test_right_arrays_of_float32_agree(diff):
    trial = Trial(LAYER, {"x": A, "w": B})
    mine = {name: d.astype("f4") for name, d in layer(A.astype("f8"), B.astype("f8")).items()}
    code, tensors, _ = diff(mine, trial.kept, "--only", "d x", "--only", "d w")
    assert code == 0
    assert {tensor["reason"] for tensor in tensors.values()} <= {"exact", "rounding"}


UNROUNDED = {"x": RNG.standard_normal((4, 4)), "w": RNG.standard_normal((4, 4))}


@pytest.mark.parametrize(
    "dtype",
    [
        "float32",
        "float64",
    ],
)
def test_arrays_from_unrounded_inputs_agree_plainly(dtype, diff):
    """A case of float32 rounds its inputs; one's own float64 gradients were not told so."""
    kept = Trial(LAYER, UNROUNDED, dtype=dtype).kept
    code, tensors, _ = diff(layer(**UNROUNDED), kept, "--only", "d x", "--only", "d w")
    assert code == 0
    assert {tensor["reason"] for tensor in tensors.values()} <= {"exact", "rounding"}


@pytest.mark.parametrize("name", ["loss", "d x"])
def test_numbers_of_float32_stored_in_float64_agree_plainly(name, diff):
    trial = Trial(LAYER, {"x": A, "w": B})
    h = np.tanh(A.astype("f8") @ B.astype("f8"))
    right = {"loss": np.sum(h * h), **layer(A.astype("f8"), B.astype("f8"))}[name]
    stored = np.asarray(right, "f4").astype("f8")  # as loss.item() gives it
    _, tensors, _ = diff({name: stored}, trial.kept, "--only", name)
    assert tensors[name]["reason"] in ("exact", "rounding")


@pytest.mark.parametrize("times", [1.00001, 0.9999, -1.0])
def test_rounded_inputs_excuse_no_more_than_rounding(times, diff):
    kept = Trial(LAYER, UNROUNDED, dtype="float32").kept
    mine = {"d x": times * layer(**UNROUNDED)["d x"]}
    code, tensors, _ = diff(mine, kept, "--only", "d x")
    assert (code, tensors["d x"]["reason"]) == (1, "bug")


def test_rounded_inputs_do_not_excuse_the_recording(diff):
    right = layer(*(UNROUNDED[name].astype("f4").astype("f8") for name in "xw"))["d x"]
    kept = Trial(LAYER, UNROUNDED, both={"d x": 1.001 * right}).kept
    code, _, _ = diff(layer(**UNROUNDED), kept, "--only", "d x")
    assert code == 1


def test_numbers_of_float32_stored_in_float64_may_be_wrong(diff):
    trial = Trial(LAYER, {"x": A, "w": B})
    right = layer(A.astype("f8"), B.astype("f8"))["d x"]
    for wrong in (1.001 * right, -right, np.roll(right, 1, 0)):
        stored = wrong.astype("f4").astype("f8")
        code, tensors, _ = diff({"d x": stored}, trial.kept, "--only", "d x")
        assert code == 1
        assert tensors["d x"]["side"] == "mine"
    zeros = diff({"d x": np.zeros_like(right)}, trial.kept, "--only", "d x")[1]["d x"]
    assert zeros["reason"] == "bug"


def test_a_wrong_float64_array_beside_a_float32_recording_is_a_bug_and_named(diff):
    trial = Trial(LAYER, {"x": A, "w": B})
    mine = {"d x": -layer(A.astype("f8"), B.astype("f8"))["d x"]}
    _, tensors, _ = diff(mine, trial.kept, "--only", "d x")
    assert (tensors["d x"]["reason"], tensors["d x"]["side"]) == ("bug", "mine")


def test_a_wrong_float64_array_beside_a_float64_recording_is_a_bug_and_named(diff):
    trial = Trial(LAYER, {"x": A, "w": B}, dtype="float64")
    mine = {"d x": -layer(A.astype("f8"), B.astype("f8"))["d x"]}
    _, tensors, _ = diff(mine, trial.kept, "--only", "d x")
    assert (tensors["d x"]["reason"], tensors["d x"]["side"]) == ("bug", "mine")


@pytest.mark.parametrize("mine_first", [True, False])
def test_the_recording_may_stand_on_either_side(mine_first, diff):
    trial = Trial(LAYER, {"x": A, "w": B})
    mine = {"d x": 2 * layer(A.astype("f8"), B.astype("f8"))["d x"]}
    sides = (mine, trial.kept) if mine_first else (trial.kept, mine)
    code, tensors, _ = diff(*sides, "--only", "d x")
    assert code == 1
    assert tensors["d x"]["reason"] == "bug"
    assert tensors["d x"]["side"] == ("mine" if mine_first else "theirs")


def test_a_wrong_value_of_a_file_has_a_side(diff):
    trial = Trial(LAYER, {"x": A, "w": B})
    h = np.tanh(A.astype("f8") @ B.astype("f8"))
    _, tensors, _ = diff({"h": 1.01 * h}, trial.kept, "--only", "h")
    assert tensors["h"]["side"] == "mine"


def test_what_was_not_given_is_neither_right_nor_wrong(diff):
    trial = Trial(LAYER, {"x": A, "w": B})
    code, tensors, _ = diff(layer(A.astype("f8"), B.astype("f8")), trial.kept)
    assert not [name for name, one in tensors.items() if one["verdict"] == "disagree"]
    assert code == 0


def test_what_was_not_given_has_not_parted(diff):
    trial = Trial(LAYER, {"x": A, "w": B})
    mine = {"d x": -layer(A.astype("f8"), B.astype("f8"))["d x"]}
    _, tensors, _ = diff(mine, trial.kept)
    assert tensors["d x"]["first_parts"] == {"forward": None, "backward": "d x"}


def test_complex_arrays_are_compared(diff):
    z = (A + 1j * B).astype("c8")
    assert diff({"g": z}, {"g": z})[0] == 0


def test_where_it_lies_is_said_for_any_number_of_axes(diff):
    wrong = np.ones((2, 3, 6), "f4")
    wrong[:, :, 5] = 2
    _, _, screen = diff({"g": wrong}, {"g": np.ones((2, 3, 6), "f4")})
    assert "index 5 of axis 2" in screen


def test_norms_and_cosine_are_always_there(diff):
    _, tensors, screen = diff({"g": 3 * A}, {"g": A})
    norm = float(np.linalg.norm(A.astype("f8")))
    assert tensors["g"]["norm_actual"] == pytest.approx(3 * norm)
    assert f"cosine 1.000000, norms {3 * norm:.3g} and {norm:.3g}" in screen


def test_a_gradient_that_the_case_leaves_out_is_not_asked_for(diff):
    """Of a recording with `wrt: [x]` one's own file owes no `d w`, and it is not listed."""
    kept = Trial(LAYER, {"x": A, "w": B}).kept
    case = replace(kept.origin.case, wrt=("x",))
    known = replace(kept, origin=replace(kept.origin, case=case))
    code, _, screen = diff({"d x": kept.gradients["x"], "loss": kept.values["loss"]}, known)
    assert code == 0
    assert "mine did not give h, d h, d loss: of these nothing is known" in screen
