"""The noise of running products is what float32 shows, and an order is open where it is close."""

from __future__ import annotations

import numpy as np
import pytest

from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.model import NoiseModel, NoisyArray
from gradcmp.ops import Array

REPLICAS = 16
U = FORMATS["float32"].u


def noisy(x: Array, model: NoiseModel) -> NoisyArray:
    """Return an array with noise, but without the error of an input."""
    return NoisyArray(np.repeat(np.asarray(x, float)[None], REPLICAS + 1, axis=0), model)


def model() -> NoiseModel:
    return NoiseModel(FORMATS["float32"], REPLICAS, np.random.default_rng(0))


@pytest.mark.parametrize("length", [3, 30, 300])
def test_running_products_stray_as_far_as_float32(length: int) -> None:
    x = np.random.default_rng(1).uniform(0.9, 1.1, (200, length)).astype(np.float32)
    coarse = np.multiply.accumulate(x, -1)[:, -1]
    fine = np.multiply.accumulate(x.astype(float), -1)[:, -1]
    found = np.multiply.accumulate(noisy(x, model()), -1)[..., -1]
    spread = np.sqrt(np.mean(np.square(found.stack[1:] / found.stack[:1] - 1)))
    error = np.sqrt(np.mean(np.square(coarse / fine - 1)))
    np.testing.assert_allclose(found.stack[0], fine, rtol=1e-13)
    assert 0.7 < spread / error < 4


@pytest.mark.parametrize(
    ("x", "opened"),
    [([1.0, 2.0, 3.0], False), ([1.0, 2.0, 2.0], True), ([1.0, 2.0, 2.0 * (1 + U)], True)],
)
def test_an_order_is_open_where_elements_are_equal_or_close(x: list[float], opened: bool) -> None:
    kind = model()
    moved = noisy(np.asarray(x), kind) * np.float64(1.1)
    order = np.argsort(moved, axis=-1, kind="stable")
    assert kind.branches.are_open == opened
    assert order.stack[0].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(
        np.argsort(order, axis=-1, kind="stable").stack, np.argsort(order.stack, axis=-1)
    )
