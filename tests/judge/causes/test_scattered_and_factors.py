"""Causes of sums and factors: a wrong count, a part of a sum, a factor that is a tensor."""

import numpy as np
import pytest
from scenes import Scene


@pytest.mark.parametrize("seed", range(5))
def test_a_mean_over_rows_that_do_not_count_is_named(seed):
    scene = Scene(seed, (16, 5))
    scene.expected[[2, 7, 8]] = 0.0
    text = "of the 16 places of axis 0 13 are not zero"
    for times, form in ((13 / 16, "13/16"), (16 / 13, "16/13")):
        (found,) = scene.diagnose(scene.correct * (scene.expected != 0) * times)
        used, right = form.split("/")[::-1]
        assert found == f"a factor of {form}, as of a mean over {used} in place of {right}; {text}"


def test_a_mean_over_a_padded_length_is_named():
    scene = Scene(0, (11, 42))
    (found,) = scene.diagnose(scene.correct * 42 / 64)
    assert found.startswith("a factor of 42/64, as of a mean over 64 in place of 42; 42 is the len")


@pytest.mark.parametrize("factor", [3, 5, 1 / 3, -3])
def test_a_whole_factor_has_no_count(factor):
    """Of every length a mean over three times as many would fit."""
    scene = Scene(0, (11, 42))
    assert scene.diagnose(scene.correct * factor) == [f"a factor of {factor:.5g}"]


def test_any_factor_has_no_count():
    for seed in range(30):
        scene = Scene(seed, (11, 42))
        factor = scene.rng.uniform(1.1, 4.0)
        assert scene.diagnose(scene.correct * factor) == [f"a factor of {factor:.5g}"], seed


def gathered(scene):
    rows = scene.rng.standard_normal((13, 5))
    places = np.array([4, 1, 4, 0, 2, 6, 4, 6, 1, 5, 2, 0, 6])
    scene.expected = np.zeros((7, 5))
    np.add.at(scene.expected, places, rows)
    scene.noise = 1e-7 * (1 + np.abs(scene.expected))
    scene.others = {"d output": rows}
    return rows, places


def test_rows_that_are_stored_and_not_added_are_named():
    scene = Scene(0, (7, 5))
    rows, places = gathered(scene)
    actual = scene.correct
    for place, row in zip(places, rows, strict=True):
        actual[place] = row
    text = "single rows of 'd output' are stored where several are to be added up"
    assert scene.diagnose(actual) == [text]
    actual[4, 0] += 0.1
    assert scene.diagnose(actual) == []


@pytest.mark.parametrize(("sign", "words"), [(-1, "left out of the sum"), (1, "added twice")])
def test_rows_of_a_sum_are_named(sign, words):
    scene = Scene(0, (7, 5))
    rows, places = gathered(scene)
    actual = scene.correct
    for index in (0, 5, 8):
        actual[places[index]] += sign * rows[index]
    assert scene.diagnose(actual) == [f"rows of 'd output' are {words}"]


@pytest.mark.parametrize(
    ("key", "words"), [(slice(0, 16), "first 16"), (slice(8, None), "last 16")]
)
def test_a_part_of_a_sum_is_named(key, words):
    scene = Scene(0, (5,))
    rows = scene.rng.standard_normal((24, 5))
    scene.expected = rows.sum(0)
    scene.others = {"d output": rows}
    text = f"only the {words} of the 24 rows of 'd output' are added up"
    assert scene.diagnose(rows[key].sum(0)) == [text]
    assert scene.diagnose(rows[3:9].sum(0)) == []


def test_a_factor_that_is_a_tensor_is_named():
    scene = Scene(0, (9, 5))
    scene.others |= {"w": scene.rng.standard_normal(5), "d loss": scene.rng.standard_normal(9)}
    w, upstream = scene.others["w"], scene.others["d loss"][:, None]
    assert scene.diagnose(scene.correct / w) == ["the factor 'w' is missing"]
    assert scene.diagnose(scene.correct / upstream) == ["the factor 'd loss' is missing"]
    assert scene.diagnose(scene.correct * w) == ["the factor 'w' is there once too often"]
    product = scene.others["X"] * upstream
    assert scene.diagnose(product) == ["it is 'X' times 'd loss' and nothing else"]
    assert scene.diagnose(product * 1.01) == []
