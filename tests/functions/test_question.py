"""What is asked of functions: keywords with a choice, and dtypes by any name."""

import ml_dtypes
import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import UsageError


def square(x):
    return x * x, lambda c: {"x": 2 * c * x}


def compared(**asked):
    functions = {"by_hand": square, "again": square}
    inputs = {"x": np.array([1.5, -2.5])}
    return gradcmp.compare_functions(functions, inputs, framework="numpy", **asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"dtype": "float23"}, "there is no dtype='float23'. Did you mean 'float32'?"),
        ({"dtype": int}, "there is no dtype='int'"),
        ({"dtype": np.complex64}, "complex64.*Write a graph"),
        ({"cotangent": "one"}, "Did you mean 'ones'?"),
        ({"derivative": "grad"}, "Did you mean 'gradient'?"),
        ({"layouts": "none"}, "Choose from all, auto, off"),
        ({"seed": -1}, "seed=-1 is not a whole number"),
        ({"seed": True}, "seed=True is not a whole number"),
        ({"seed": 0.5}, "seed=0.5 is not a whole number"),
    ],
)
def test_what_is_no_choice_is_refused(asked, said):
    with pytest.raises(UsageError, match=said):
        compared(**asked)


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(np.float32, "float32"), (np.dtype("float64"), "float64"), (ml_dtypes.bfloat16, "bfloat16")],
)
def test_a_dtype_of_numpy_is_taken(dtype, name):
    assert compared(dtype=dtype).case.dtype == name


@pytest.mark.frameworks
def test_a_dtype_of_torch_is_taken():
    assert compared(dtype=framework("torch").bfloat16).case.dtype == "bfloat16"


def test_a_whole_number_of_numpy_is_a_seed():
    assert compared(seed=np.int64(3)).case.seed == 3


def test_one_name_is_taken_for_wrt():
    assert "d x" in next(iter(compared(wrt="x").comparisons.values()))
