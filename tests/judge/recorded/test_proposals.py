"""Names that may mean the same: gradients however they are spelt, but never of another shape."""

import numpy as np
import pytest

from gradcmp.judge.recorded.proposals import propose

W, V, B = np.zeros((2, 3)), np.zeros((3, 2)), np.zeros(4)


@pytest.mark.parametrize(
    "name", ["dW1", "d_W1", "grad_W1", "W1.grad", "W1_gradient", "dL_dW1", "dloss/dW1", "grad W1"]
)
def test_every_spelling_of_a_gradient_is_known(name):
    found = propose({name: W}, {"d W1": W, "d W2": W, "W1": W})
    assert found[name] == found["d W1"] == f'Did you mean --map "{name}=d W1"?'


def test_what_has_another_shape_is_not_meant():
    assert propose({"dW": W}, {"d W": V}) == {}


def test_the_only_one_of_a_shape_is_meant_whatever_its_name():
    assert "kernel=d W" in propose({"kernel": W}, {"d W": W, "d b": B})["kernel"]
    assert propose({"kernel": W}, {"d W": W, "d Q": W}) == {}


def test_what_both_have_is_left_alone_and_nothing_is_meant_twice():
    assert propose({"d W": W}, {"d W": W}) == {}
    found = propose({"dW": W, "dW_": W}, {"d W": W})
    assert len(found) == 2
