"""What other branches add, and what is no more than another kernel's rounding."""

import numpy as np
import pytest

from gradcmp.functions.jumps import Jumps
from gradcmp.native.outcome import Outcome

X = np.linspace(1.0, 2.0, 8)


class Side:
    def __init__(self, added):
        self.added = added

    def ways(self, dtype, rows, seed=0):
        return [Outcome({"output": X + self.added}, {})]


@pytest.mark.parametrize(("added", "is_jump"), [(1e-15, False), (1e-9, True), (1.0, True)])
def test_rounding_in_float64_is_no_jump(added, is_jump):
    jumps = Jumps(Side(added), Outcome({"output": X}, {}), "float32", ["output"]).jumps
    assert jumps["output"].any() == is_jump


def test_another_shape_is_no_jump():
    side = Side(0.0)
    side.ways = lambda dtype, rows, seed=0: [Outcome({"output": X[:3]}, {})]
    found = Jumps(side, Outcome({"output": X}, {}), "float32", ["output"]).jumps
    assert not found["output"].any()
