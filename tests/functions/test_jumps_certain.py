"""A mask by numbers that were given has one outcome in every framework; a slope at zero has two."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import ExitCode

pytestmark = pytest.mark.frameworks
INPUTS = {
    "x": np.array([0.3, -0.7, 1.2, 0.5]),
    "level": np.array([0.0, 1.0, 1.0, 2.0]),
    "z": np.array([0.0, 1.0, 0.0, -1.0]),
}


@dataclass(frozen=True)
class Words:
    """What functions are written with."""

    where: Callable[..., Any]
    sin: Callable[..., Any]
    relu: Callable[..., Any]
    sum: Callable[..., Any]
    floor: Callable[..., Any]
    ceil: Callable[..., Any]


def torch_words():
    torch = framework("torch")
    return Words(torch.where, torch.sin, torch.relu, torch.sum, torch.floor, torch.ceil)


def jax_words():
    jax = framework("jax")
    np = jax.numpy
    return Words(np.where, np.sin, jax.nn.relu, np.sum, np.floor, np.ceil)


def tensorflow_words():
    tf = framework("tensorflow")
    return Words(tf.where, tf.sin, tf.nn.relu, tf.reduce_sum, tf.floor, tf.math.ceil)


WORDS = {"torch": torch_words, "jax": jax_words, "tensorflow": tensorflow_words}


def function(words, above, rectified):
    """Return sum(relu(z) x) + sum of sin(x) where the level is above 1, and only there."""

    def one(x, level, z):
        masked = words.where(above(level), words.sin(x), 0 * x)
        return words.sum(rectified(z) * x) + words.sum(masked)

    return one


@pytest.mark.parametrize("home", WORDS)
def test_what_is_certain_is_held_and_a_slope_is_not(home):
    words = WORDS[home]()

    def verdict(above, rectified):
        functions = {
            "tested": function(words, above, rectified),
            "right": function(words, lambda level: level > 1, words.relu),
        }
        return gradcmp.compare_functions(functions, INPUTS, framework=home, layouts="off")

    def other(z):
        return words.where(z >= 0, z, 0 * z)

    kink = verdict(lambda level: level > 1, other)
    assert kink.exit_code is ExitCode.AGREE
    assert {name for _, name, _ in kink.warnings} == {"d z"}
    wrong = verdict(lambda level: level >= 1, other)
    assert wrong.exit_code is ExitCode.DISAGREE
    assert {"output", "d x"} <= {name for _, name, _ in wrong.disagreements}
    alone = verdict(lambda level: level > (0.5 if "float32" in str(level.dtype) else 1.5), other)
    assert alone.exit_code is ExitCode.DISAGREE


@pytest.mark.parametrize("home", WORDS)
def test_a_whole_number_that_was_given_is_its_own_floor(home):
    words = WORDS[home]()
    functions = {
        "one less": lambda x, level: words.sum((words.ceil(level) - 1) * x),
        "ceil": lambda x, level: words.sum(words.ceil(level) * x),
        "floor": lambda x, level: words.sum(words.floor(level) * x),
    }
    inputs = {name: INPUTS[name] for name in ("x", "level")}
    verdict = gradcmp.compare_functions(functions, inputs, framework=home, layouts="off")
    wrong = {(pair.actual, name) for pair, name, _ in verdict.disagreements}
    assert {("one less", "output"), ("one less", "d x")} <= wrong
    assert not any(
        "one less" not in (pair.actual, pair.expected) for pair, *_ in verdict.disagreements
    )


@pytest.mark.parametrize("home", WORDS)
def test_a_mask_that_follows_from_another_one_is_no_way_out(home):
    where = WORDS[home]().where

    def twice(above):
        return lambda x, level: where(1.1 * where(above(level), x, 0 * x) > 0.1, x * x, 0 * x)

    functions = {
        "tested": twice(lambda level: level >= 1),
        "right": twice(lambda level: level > 1),
    }
    inputs = {name: INPUTS[name] for name in ("x", "level")}
    verdict = gradcmp.compare_functions(functions, inputs, framework=home, layouts="off")
    assert {"output", "d x"} <= {name for _, name, _ in verdict.disagreements}
