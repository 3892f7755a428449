"""Operations that make a step and are no comparison: numbers that were given have one outcome."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp

pytestmark = pytest.mark.frameworks
# Numbers that bfloat16 has; some are multiples of their y, and some stand in the table.
INPUTS = {
    "x": np.array([3.0, -3.0, 2.5, 7.25, 0.0, -2.0]),
    "y": np.array([1.0, 1.5, 0.5, 2.0, 3.0, -1.0]),
    "w": np.array([0.5, -1.25, 2.0, 0.75, 1.5, -0.5]),
}
TABLE = [0.0, 1.0, 1.0, 2.5]
BEFORE, AFTER = (np.searchsorted(TABLE, INPUTS["x"], side) for side in ("left", "right"))
COUNT = np.floor_divide(INPUTS["x"], INPUTS["y"])
CUT = np.trunc(INPUTS["x"] / INPUTS["y"])
# What they are by NumPy, and what they are where one jump has come out otherwise.
TRUTH = {
    "floor_divide": (COUNT, COUNT - (np.arange(6) == 1)),
    "cut": (CUT, CUT - (np.arange(6) == 0)),
    "remainder": (np.remainder(INPUTS["x"], INPUTS["y"]), [0, 1.5, 0, 1.25, 0, 0]),
    "fmod": (np.fmod(INPUTS["x"], INPUTS["y"]), [1, 0, 0, 1.25, 0, 0]),
    "before": (BEFORE, AFTER),
    "after": (AFTER, BEFORE),
    "whole": (np.trunc(INPUTS["x"]), np.trunc(INPUTS["x"]) - (np.arange(6) == 0)),
}


def torch_steps():
    torch = framework("torch")

    def steps(x, y):
        x, y = x.detach(), y.detach()
        table = torch.tensor(TABLE, dtype=x.dtype)
        return {
            "floor_divide": x // y,
            "cut": torch.div(x, y, rounding_mode="trunc"),
            "remainder": x % y,
            "fmod": torch.fmod(x, y),
            "before": torch.searchsorted(table, x),
            "after": torch.bucketize(x, table, right=True),
            "whole": x.long(),
        }

    return steps, lambda value, like: torch.as_tensor(value).to(like.dtype)


def jax_steps():
    numpy = framework("jax").numpy

    def steps(x, y):
        table = numpy.array(TABLE, x.dtype)
        return {
            "floor_divide": x // y,
            "remainder": x % y,
            "fmod": numpy.fmod(x, y),
            "before": numpy.searchsorted(table, x),
            "after": numpy.digitize(x, table),
            "whole": x.astype(int),
        }

    return steps, lambda value, like: numpy.asarray(value).astype(like.dtype)


def tensorflow_steps():
    tf = framework("tensorflow")

    def steps(x, y):
        x, y = tf.stop_gradient(x), tf.stop_gradient(y)
        return {
            "floor_divide": x // y,
            "remainder": x % y,
            "fmod": tf.raw_ops.TruncateMod(x=x, y=y),
            "before": tf.searchsorted(tf.constant(TABLE, x.dtype), x),
            "after": tf.raw_ops.Bucketize(input=x, boundaries=TABLE),
            "whole": tf.cast(x, tf.int32),
        }

    return steps, lambda value, like: tf.cast(tf.constant(value), like.dtype)


HOW = ("right", "both", "alone")
STEPS = {"torch": torch_steps, "jax": jax_steps, "tensorflow": tensorflow_steps}
CASES = [
    *((home, "float32") for home in STEPS),
    *((home, "bfloat16") for home in ("torch", "jax")),  # TensorFlow's tables hold none
]


@pytest.mark.first(3)
@pytest.mark.parametrize(("home", "dtype"), CASES)
def test_a_step_has_one_outcome_where_numbers_were_given(home, dtype):
    """What NumPy says agrees; a step apart is wrong, in float64 as well and in the dtype alone."""
    steps, of = STEPS[home]()

    def tested(x, y, w):
        told, alone = {}, dtype in str(w.dtype)
        for name, found in steps(x, y).items():
            right, other = (np.asarray(one, np.float32) for one in TRUTH[name])
            found, off = of(found, w), of(other - right, w)
            told[f"{name} right"] = of(right, w) * w
            told[f"{name} both"] = (found + off) * w
            told[f"{name} alone"] = (found + off if alone else found) * w
        return told

    def right(x, y, w):
        found = {name: of(one, w) * w for name, one in steps(x, y).items()}
        return {f"{name} {how}": found[name] for name in found for how in HOW}

    verdict = gradcmp.compare_functions(
        {"tested": tested, "right": right},
        INPUTS,
        framework=home,
        dtype=dtype,
        wrt="w",
        layouts="off",
    )
    names = {"floor_divide", "remainder", "fmod", "before", "after", "whole"}
    wrong = {name for _, name, _ in verdict.disagreements}
    assert {f"{name} {how}" for name in names for how in ("both", "alone")} <= wrong
    assert not any(name.endswith("right") for _, name, _ in verdict.warnings)
    assert not any(name.endswith("right") for name in wrong)
