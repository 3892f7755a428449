"""A gradient that changes from run to run is told from a wrong one."""

from dataclasses import replace

import numpy as np
import pytest

from gradcmp.judge import unsteady
from gradcmp.recording import Recording

GRADIENT = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
RUN = Recording("torch", "float32", {"out": np.float32(2) * np.ones(3, "f4")}, {"X": GRADIENT})


def run(gradient):
    return replace(RUN, gradients={"X": gradient})


def test_the_same_bits_are_steady():
    assert unsteady([RUN, run(GRADIENT.copy()), run(GRADIENT.copy())]) == {}


@pytest.mark.parametrize(
    ("change", "ulp"),
    [
        (lambda d: np.nextafter(d, np.float32(9)), 1),
        (lambda d: np.nextafter(np.nextafter(d, np.float32(9)), np.float32(9)), 2),
    ],
)
def test_a_change_is_measured_from_the_first_run(change, ulp):
    found = unsteady([RUN, run(GRADIENT), run(change(GRADIENT))])
    assert set(found) == {"d X"}
    assert found["d X"].statistics.max_ulp == ulp


def test_a_signed_zero_is_a_bit():
    zero = np.zeros(3, "f4")
    assert unsteady([run(zero), run(-zero)])


def test_a_missing_tensor_is_not_steady():
    assert not unsteady([RUN, replace(RUN, gradients={})])["d X"].agrees


def test_the_furthest_run_counts():
    one, five = GRADIENT * np.float32(1 + 1e-6), GRADIENT * np.float32(1 + 1e-5)
    (found,) = unsteady([RUN, run(five), run(one)]).values()
    assert found.statistics.max_ulp == unsteady([RUN, run(five)])["d X"].statistics.max_ulp
