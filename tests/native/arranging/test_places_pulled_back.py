"""Gradients followed back through a rearrangement of parameters."""

import numpy as np
import pytest

from gradcmp.errors import BackendError
from gradcmp.native.arranging.places import pulled_back

GIVEN = {"w": np.ones((2, 3)), "b": np.ones(4)}


def test_each_element_has_the_gradient_of_where_it_went():
    def arrange(given):
        w, b = given["w"], given["b"]
        return {"kernel": w.T, "first": b[:2], "twice": np.concatenate([b[2:], b[2:]])}

    slopes = {"kernel": np.arange(6.0).reshape(3, 2), "first": [1.0, 2.0], "twice": [3.0, 4, 5, 6]}
    found = pulled_back(arrange, GIVEN, slopes)
    np.testing.assert_array_equal(found["w"], np.arange(6.0).reshape(3, 2).T)
    np.testing.assert_array_equal(found["b"], [1, 2, 8, 10])


def test_the_dtype_stays():
    slopes = {"w": np.ones((2, 3), np.float32), "b": np.ones(4, np.float32)}
    found = pulled_back(dict, GIVEN, slopes)
    assert {one.dtype for one in found.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "computes",
    [
        lambda given: {"b": given["b"] + given["b"]},
        lambda given: {"b": given["b"] * 1.0001},
        lambda given: {"b": np.sort(-given["b"])},
        lambda given: {"b": given["w"].sum(1)},
        lambda given: {"b": given["b"] - 1},
        lambda given: {"b": np.zeros(3)},
    ],
)
def test_what_computes_something_is_refused(computes):
    with pytest.raises(BackendError, match="more than elements of the reference's"):
        pulled_back(computes, GIVEN, {"b": np.ones(4)})
