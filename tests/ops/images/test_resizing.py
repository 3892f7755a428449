"""Resizing against torch and by hand, its noise against float32, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_twin import assert_equal

from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise import arithmetic  # noqa: F401  registers the rules
from gradcmp.judge.noise.kinks import ExactModel
from gradcmp.judge.noise.model import NoiseModel, NoisyArray
from gradcmp.ops import OPS, ArraySpec, ShapeError

pytestmark = pytest.mark.usefixtures("with_torch")

TORCH = {1: "linear", 2: "bilinear", 3: "trilinear"}


def drawn(axes: int, seed: int) -> tuple[Any, tuple[int, ...]]:
    rng = np.random.default_rng([axes, seed, 2])
    x = rng.standard_normal((2, 2, *rng.integers(1, 7, axes)))
    return x, tuple(rng.integers(1, 8, axes).tolist())


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_values_and_gradients_are_those_of_torch(axes: int) -> None:
    import torch

    functional = torch.nn.functional
    pool = getattr(functional, f"adaptive_avg_pool{axes}d")
    for seed in range(10):
        x, size = drawn(axes, seed)
        for align in (False, True):
            linear = {"mode": TORCH[axes], "align_corners": align}
            assert_equal(
                "interpolate",
                [x],
                lambda x, n=size, a=linear: functional.interpolate(x, n, **a),
                size=size,
                mode="linear",
                align_corners=align,
            )
        exact: dict[str, Any] = {"size": size, "mode": "nearest-exact"}
        assert_equal("interpolate", [x], lambda x, a=exact: functional.interpolate(x, **a), **exact)
        assert_equal("adaptive_avg_pool", [x], lambda x, n=size: pool(x, n), size=size)


@pytest.mark.parametrize(
    ("static", "expected"),
    [
        ({"size": 4, "mode": "nearest"}, [0, 0, 1, 2]),
        ({"size": 2, "mode": "nearest"}, [0, 1]),
        ({"size": 2, "mode": "nearest-exact"}, [0, 2]),
        ({"size": 6, "mode": "nearest-exact"}, [0, 0, 1, 1, 2, 2]),
        ({"size": 5, "mode": "linear", "align_corners": True}, [0, 0.5, 1, 1.5, 2]),
        ({"size": 6, "mode": "linear"}, [0, 0.25, 0.75, 1.25, 1.75, 2]),
        ({"size": 1, "mode": "linear", "align_corners": True}, [0]),
        ({"size": 1, "mode": "linear"}, [1]),
    ],
)
def test_places_by_hand(static: dict[str, Any], expected: list[float]) -> None:
    value, _ = OPS["interpolate"].reference(np.array([[[0.0, 1.0, 2.0]]]), **static)
    np.testing.assert_allclose(value[0, 0], expected, rtol=1e-15)


def test_nearest_is_exact_where_places_are_whole() -> None:
    """Numbers of places whose ratio no float32 holds: 3 of 49 times 49 / 3 is a whole number."""
    x = np.arange(147.0).reshape(1, 1, 147)
    value, _ = OPS["interpolate"].reference(x, 49)
    np.testing.assert_array_equal(value[0, 0], np.arange(0, 147, 3))


def test_parts_overlap_where_they_must() -> None:
    value, pullback = OPS["adaptive_avg_pool"].reference(np.array([[[1.0, 2.0, 4.0]]]), 2)
    np.testing.assert_allclose(value[0, 0], [1.5, 3.0], rtol=1e-15)
    np.testing.assert_allclose(pullback(np.array([[[2.0, 20.0]]]))[0][0, 0], [1, 11, 10])


def test_a_far_place_is_as_noisy_as_float32_makes_it() -> None:
    import torch

    n, m, rng = 3000, 7001, np.random.default_rng(0)
    x = rng.standard_normal((1, 1, n)).astype(np.float32)
    linear: dict[str, Any] = {"size": m, "mode": "linear"}
    exact, _ = OPS["interpolate"].reference(x.astype(np.float64), **linear)
    found = torch.nn.functional.interpolate(torch.tensor(x), **linear).numpy()
    model = NoiseModel(FORMATS["float32"], 16, np.random.default_rng(1))
    stack = np.repeat(x.astype(np.float64)[None], 17, axis=0)
    noisy, _ = OPS["interpolate"].reference(NoisyArray(stack, model), **linear)
    np.testing.assert_array_equal(noisy.stack[0], exact)
    last = slice(m - 1000, m - 10)
    error, noise = (found - exact)[..., last], (noisy.stack[1:] - exact)[..., last]
    assert 0.3 < np.sqrt(np.mean(error**2)) / np.sqrt(np.mean(noise**2)) < 3
    near = noisy.stack[1:, ..., :10] - exact[..., :10]
    assert np.abs(near).max() < 0.02 * np.abs(noise).max()


def test_without_noise_no_place_is_moved() -> None:
    x = np.random.default_rng(0).standard_normal((1, 1, 30))
    model = ExactModel(FORMATS["float32"], 4, np.random.default_rng(1))
    held = NoisyArray(np.repeat(x[None], 5, axis=0), model)
    found = OPS["interpolate"].reference(held, size=71, mode="linear")[0].stack
    np.testing.assert_array_equal(found, np.repeat(found[:1], 5, axis=0))


IMAGES = ArraySpec((1, 2, 5, 5))


@pytest.mark.parametrize(
    ("static", "reason"),
    [
        ({"size": 0}, "size is 0, and must be an integer of at least 1"),
        ({"size": (2, 2, 2)}, "one integer or two"),
        ({"size": 2, "mode": "cubic"}, "mode is 'cubic', and must be one of 'nearest', "),
        ({"size": 2, "mode": "trilinear"}, "mode is 'trilinear', and x .1, 2, 5, 5. is .samples"),
        ({"size": 2, "align_corners": True}, "has no meaning where mode is 'nearest'"),
        ({"size": 2, "mode": "linear", "align_corners": 1}, "must be True or False"),
    ],
)
def test_what_resizes_nothing_is_refused(static: dict[str, Any], reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        OPS["interpolate"].infer(IMAGES, **static)


@pytest.mark.parametrize("op", ["interpolate", "adaptive_avg_pool"])
def test_x_must_have_places(op: str) -> None:
    with pytest.raises(ShapeError, match="has an axis of length 0"):
        OPS[op].infer(ArraySpec((1, 2, 0)), 2)
    with pytest.raises(ShapeError, match="is none of"):
        OPS[op].infer(ArraySpec((1, 2)), 2)
