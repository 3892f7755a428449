"""Transposed convolutions against torch on drawn arguments, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_twin import assert_equal

from gradcmp.ops import OPS, ArraySpec, ShapeError

pytestmark = pytest.mark.usefixtures("with_torch")


def drawn(axes: int, seed: int) -> tuple[list[Any], dict[str, Any]]:
    rng = np.random.default_rng([axes, seed, 1])
    groups = int(rng.integers(1, 4))
    ins, outs = groups * rng.integers(1, 3), int(rng.integers(1, 3))
    stride = rng.integers(1, 4, axes)
    static = {
        "stride": tuple(stride.tolist()),
        "padding": tuple(rng.integers(0, 2, axes).tolist()),
        "output_padding": tuple((rng.integers(0, 3, axes) % stride).tolist()),
        "dilation": tuple(rng.integers(1, 3, axes).tolist()),
        "groups": groups,
    }
    x = rng.standard_normal((2, ins, *rng.integers(3, 6, axes)))
    weight = rng.standard_normal((ins, outs, *rng.integers(1, 4, axes)))
    bias = [rng.standard_normal(outs * groups)] if rng.random() < 0.6 else []
    return [x, weight, *bias], static


@pytest.mark.parametrize("axes", [1, 2])
def test_values_and_gradients_are_those_of_torch(axes: int) -> None:
    import torch

    conv = getattr(torch.nn.functional, f"conv_transpose{axes}d")
    for seed in range(16):
        arrays, static = drawn(axes, seed)
        assert_equal(f"conv_transpose{axes}d", arrays, lambda *a, s=static: conv(*a, **s), **static)


def test_it_is_the_gradient_of_a_convolution() -> None:
    rng = np.random.default_rng(0)
    y, weight = rng.standard_normal((2, 4, 9, 8)), rng.standard_normal((6, 2, 3, 2))
    static = {"stride": (2, 1), "padding": ((0, 1), (2, 0)), "dilation": (1, 2), "groups": 2}
    x, pullback = OPS["conv2d"].reference(y, weight, **static)
    dx = rng.standard_normal(x.shape)
    more = (1, 0)  # of the nine rows with their padding the last lies in no window
    value, _ = OPS["conv_transpose2d"].reference(dx, weight, output_padding=more, **static)
    np.testing.assert_allclose(value, pullback(dx)[0], rtol=1e-12, atol=1e-13)


SPECS = ArraySpec((1, 4, 5, 5)), ArraySpec((4, 2, 3, 3))


@pytest.mark.parametrize(
    ("static", "reason"),
    [
        ({"output_padding": 1}, "output_padding 1 is not less than the stride 1"),
        ({"stride": (2, 1), "output_padding": 1}, "is not less than the stride 1"),
        ({"padding": "same"}, "padding is 'same', and must be an integer"),
        ({"padding": 4}, "padding 4 leaves nothing of y"),
        ({"groups": 3}, "the 4 channels of x do not make 3 groups"),
        ({"groups": 2, "bias": ArraySpec((2,))}, "bias .2,. is not .4,., one for each channel"),
    ],
)
def test_what_makes_no_transposed_convolution_is_refused(
    static: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ShapeError, match=reason):
        OPS["conv_transpose2d"].infer(*SPECS, **static)


def test_channels_must_meet() -> None:
    with pytest.raises(ShapeError, match="differ in their input channels"):
        OPS["conv_transpose2d"].infer(SPECS[0], ArraySpec((2, 4, 3, 3)))
