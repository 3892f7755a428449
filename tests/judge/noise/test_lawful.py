"""What is certain in a comparison, and which comparisons an output jumps by."""

import numpy as np
import pytest

from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.lawful import MOST, GivenModel, Steps, differs, picked


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_numbers_of_the_dtype_are_given_and_others_are_not(dtype):
    model = GivenModel(FORMATS[dtype], 2, np.random.default_rng(0))
    given = model.wrap(np.array([0.0, 1.0, -2.5, 0.1, 1 - 1e-10])).stack
    assert (given == given[:1]).all(axis=0).tolist() == [True, True, True, False, False]
    assert model.constant(0.5) == 0.5
    assert np.ptp(model.constant(0.1).stack) > 0


def looked_for(jumping, count, together=()):
    """Return Steps over comparisons, some of which move the output, and some only if apart."""
    runs = []

    def run(held):
        runs.append(held)
        free = {*range(count)} - held
        apart = len(free & {*together}) % 2 if together else 0
        return np.array([[float(len(free & {*jumping}) + apart)]])

    return Steps(run, differs, picked), runs


def test_comparisons_that_an_output_jumps_by_are_found_among_many():
    steps, runs = looked_for({7, 23}, 40)
    held, free = steps.lawful(range(40))
    assert steps.known.jumping == {7, 23}
    assert held == free == 0
    assert len(runs) < MOST


def test_two_that_belong_together_are_lawful_together():
    steps, runs = looked_for((), 2, together=(0, 1))
    steps.lawful(range(2))
    assert not steps.known.jumping
    assert len(runs) == 2


def test_what_there_is_no_time_for_is_held():
    steps, _ = looked_for(range(64), 64)
    held, free = steps.lawful(range(64))
    assert steps.known.jumping == {*range(64)}
    assert held == free


def test_nothing_differs_beside_nan_in_its_place():
    x = np.array([[1.0, np.nan], [1.0, np.nan], [2.0, np.nan], [1.0, 3.0]])
    assert differs(x, x[[0, 0, 0, 0]]).tolist() == [False, False, True, True]
