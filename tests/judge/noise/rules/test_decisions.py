"""Functions that jump: either side within noise of a jump, one side at it, and none elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.model import NoiseModel, NoisyArray

U = FORMATS["float32"].u


def wrapped(*values: float) -> tuple[NoiseModel, NoisyArray]:
    model = NoiseModel(FORMATS["float32"], 16, np.random.default_rng(0))
    noisy = model.wrap(np.array(values))
    return model, noisy


@pytest.mark.parametrize(
    ("function", "jump", "sides"),
    [
        (np.floor, 2.0, {1.0, 2.0}),
        (np.ceil, 2.0, {2.0, 3.0}),
        (np.trunc, -2.0, {-2.0, -1.0}),
        (np.rint, 2.5, {2.0, 3.0}),
        (lambda x: np.floor_divide(x, 0.5), 1.0, {1.0, 2.0}),
    ],
)
def test_either_side_is_taken_within_noise_of_a_jump(
    function: Callable[[NoisyArray], NoisyArray], jump: float, sides: set[float]
) -> None:
    model, x = wrapped(jump * (1 + U), 0.3 * jump)
    found = function(x).stack
    assert set(found[1:, 0]) == sides
    assert model.branches.near == 1
    assert len(set(found[:, 1])) == 1  # away from a jump all agree

    model, x = wrapped(jump)
    found = function(x).stack
    assert len(set(found[:, 0])) == 1  # noise breaks no tie
    assert model.branches.tied


def test_a_sign_is_never_zero_beside_zero() -> None:
    _, one = wrapped(1.0)
    found = np.sign(one * (1 + U / 2) - 1.0).stack
    assert found[0, 0] == 1
    assert set(found[1:, 0]) == {-1.0, 1.0}
    assert one.model.branches.near == 1


def test_of_nan_there_is_no_sign_and_equal_infinities_are_equal() -> None:
    with np.errstate(invalid="ignore"):
        _, x = wrapped(np.nan, np.inf, -np.inf)
        _, y = wrapped(0.0, np.inf, -np.inf)
        np.testing.assert_array_equal(np.sign(x).stack[0], [np.nan, 1, -1])
        np.testing.assert_array_equal((x >= y).stack, [[False, True, True]] * 17)


@pytest.mark.parametrize("function", [np.remainder, np.fmod])
def test_what_is_left_jumps_as_the_quotient_does(function: np.ufunc) -> None:
    model, x = wrapped(1.5 * (1 + U), 0.7)
    found = function(x, 0.5).stack
    np.testing.assert_array_equal(found[0], function([1.5 * (1 + U), 0.7], 0.5))
    near, apart = found[1:, 0], found[1:, 1]
    assert {bool(one) for one in near > 0.25} == {False, True}
    assert np.all(np.abs(apart - found[0, 1]) < 16 * U)
    assert model.branches.near == 1
