"""NaN and infinities in arrays of one's own: in the same places they warn, in others they fail."""

from __future__ import annotations

import numpy as np
import pytest
from trial import Trial

A = np.random.default_rng(24).standard_normal((4, 4)).astype("f4")
NAN, INF = np.nan, np.inf
MASKED = np.array([[1.0, NAN, 3.0], [INF, 5.0, -INF]])


@pytest.mark.parametrize("tolerance", [(), ("--tolerance", "table"), ("--ulp", "4")])
def test_what_is_not_finite_on_both_sides_warns(diff, tolerance):
    """Whoever made it, no number was compared there; and nothing is known of the inputs."""
    plain = {"x": MASKED, "y": A}
    code, tensors, screen = diff(plain, dict(plain), *tolerance)
    assert code == 0
    assert (tensors["x"]["reason"], tensors["x"]["verdict"]) == ("non-finite", "agree")
    assert tensors["x"]["detail"] == "NaN or infinity in 3 of 6 elements of both, as at [0,1]"
    assert tensors["y"]["reason"] == "exact"
    assert "agree in 2 tensors, with a warning: both sides have the same NaN or infinity" in screen
    code, tensors, _ = diff(plain, {"x": MASKED.astype("f4"), "y": A}, *tolerance)
    assert (code, tensors["x"]["reason"]) == (0, "non-finite")


def put(place, number):
    array = MASKED.copy()
    array[place] = number
    return array


@pytest.mark.parametrize("tolerance", [(), ("--tolerance", "table"), ("--ulp", "4")])
@pytest.mark.parametrize(
    "other",
    [
        put((0, 1), 2.0),
        put((0, 0), NAN),
        put((0, 1), INF),
        put((1, 0), NAN),
        put((1, 0), -INF),
        put((1, 1), 5.001),
        MASKED[:, ::-1].copy(),
    ],
    ids=lambda array: str(array.tolist()),
)
def test_what_is_not_finite_elsewhere_or_of_another_kind_fails(diff, other, tolerance):
    for pair in ((other, MASKED), (MASKED, other)):
        code, tensors, _ = diff(*({"x": array, "y": A} for array in pair), *tolerance)
        assert (code, tensors["x"]["verdict"]) == (1, "disagree")
        assert tensors["y"]["verdict"] == "agree"


def test_a_complex_number_is_not_finite_in_its_parts(diff):
    one, other = np.array([1 + 1j, complex(NAN, 2)]), np.array([1 + 1j, complex(2, NAN)])
    code, tensors, _ = diff({"z": one}, {"z": one})
    assert (code, tensors["z"]["reason"]) == (0, "non-finite")
    assert "in 1 of 4 elements of both, as at [1,0]" in tensors["z"]["detail"]
    assert diff({"z": one}, {"z": other})[0] == 1


def test_beside_a_recording_the_node_where_it_is_born_is_named(diff):
    """The root of −1 is NaN, and its derivative 1 / (2 √x), by hand."""
    x = np.array([1.0, -1.0, 4.0])
    known = Trial({"h": "sqrt(x)", "y": "sum(h)"}, {"x": x}).kept
    mine = {"h": np.array([1, NAN, 2], "f4"), "d x": np.array([0.5, NAN, 0.25], "f4")}
    for pair in ((mine, known), (known, mine)):
        code, tensors, _ = diff(*pair)
        assert code == 0
        for name in mine:
            assert tensors[name]["reason"] == "non-finite"
            assert "in 1 of 3 elements of both, from node 'h' on" in tensors[name]["detail"]
    moved = {**mine, "d x": np.array([NAN, 0.5, 0.25], "f4")}
    code, tensors, _ = diff(moved, known)
    assert (code, tensors["d x"]["verdict"], tensors["h"]["verdict"]) == (1, "disagree", "agree")
