"""Convolutions against torch on drawn arguments, sums over windows by hand, and refusals."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from torch_twin import assert_equal

from gradcmp.ops import OPS, ArraySpec, ShapeError

pytestmark = pytest.mark.usefixtures("with_torch")


def drawn(axes: int, seed: int) -> tuple[list[Any], dict[str, Any]]:
    """Draw operands and arguments, each written in one of its forms."""
    rng = np.random.default_rng([axes, seed])

    def sizes(low: int, high: int) -> Any:
        several = tuple(rng.integers(low, high, axes).tolist())
        return several if rng.random() < 0.6 else several[0]

    groups = int(rng.integers(1, 4))
    ins, outs = groups * rng.integers(1, 3), groups * rng.integers(1, 3)
    padding = tuple(tuple(pair) for pair in rng.integers(0, 3, (axes, 2)).tolist())
    static = {
        "stride": sizes(1, 4),
        "padding": [padding, sizes(0, 3)][int(rng.integers(2))],
        "dilation": sizes(1, 3),
        "groups": groups,
    }
    x = rng.standard_normal((rng.integers(1, 3), ins, *rng.integers(6, 9, axes)))
    weight = rng.standard_normal((outs, ins // groups, *rng.integers(1, 4, axes)))
    bias = [rng.standard_normal(outs)] if rng.random() < 0.6 else []
    return [x, weight, *bias], static


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_values_and_gradients_are_those_of_torch(axes: int) -> None:
    import torch

    for seed in range(12):
        arrays, static = drawn(axes, seed)

        def padded(x: Any, weight: Any, bias: Any = None, *, given: Any = static) -> Any:
            padding = given["padding"]
            each = padding if isinstance(padding, tuple) else (padding,) * axes
            pairs = [one if isinstance(one, tuple) else (one, one) for one in each]
            x = torch.nn.functional.pad(x, [w for pair in reversed(pairs) for w in pair])
            conv = getattr(torch.nn.functional, f"conv{axes}d")
            rest = {name: given[name] for name in ("stride", "dilation", "groups")}
            return conv(x, weight, bias, **rest)

        assert_equal(f"conv{axes}d", arrays, padded, **static)


def test_a_convolution_is_a_sum_over_each_window() -> None:
    rng = np.random.default_rng(3)
    x, weight, bias = (rng.standard_normal(s) for s in ((1, 4, 5, 6), (2, 2, 2, 3), (2,)))
    static = {"stride": (1, 2), "padding": ((2, 0), (1, 3)), "dilation": (3, 2), "groups": 2}
    value, _ = OPS["conv2d"].reference(x, weight, bias, **static)
    assert value.shape == (1, 2, 4, 3)
    for o, i, j in np.ndindex(value.shape[1:]):
        total = bias[o]
        for c, k, m in product(range(2), range(2), range(3)):
            row, column = i + 3 * k - 2, 2 * j + 2 * m - 1
            if 0 <= row < 5 and 0 <= column < 6:
                total += x[0, 2 * o + c, row, column] * weight[o, c, k, m]
        assert value[0, o, i, j] == pytest.approx(total, rel=1e-13)


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "dilation", "pads"),
    [
        (13, 6, 5, 1, (1, 2)),  # the example of TensorFlow's documentation
        (224, 3, 2, 1, (0, 1)),  # a first layer: torch models have (1, 1) there
        (224, 7, 2, 1, (2, 3)),
        (10, 4, 1, 1, (1, 2)),
        (10, 3, 1, 2, (2, 2)),
        (6, 1, 3, 1, (0, 0)),
    ],
)
def test_same_is_that_of_tensorflow(
    length: int, kernel: int, stride: int, dilation: int, pads: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((1, 1, length)), rng.standard_normal((1, 1, kernel))
    rest = {"stride": stride, "dilation": dilation}
    conv = OPS["conv1d"].reference
    same, _ = conv(x, weight, padding="same", **rest)
    assert same.shape[-1] == -(-length // stride)
    np.testing.assert_array_equal(same, conv(x, weight, padding=(pads,), **rest)[0])


SPECS = ArraySpec((1, 4, 5, 5)), ArraySpec((2, 4, 3, 3))


@pytest.mark.parametrize(
    ("static", "reason"),
    [
        ({"stride": (1, 2, 3)}, "stride is .1, 2, 3., and must be one integer or two"),
        ({"dilation": 0}, "dilation is 0, and must be an integer of at least 1"),
        ({"dilation": 3}, "no window"),
        ({"padding": "full"}, "padding is 'full', and must be one of 'same', 'valid'"),
        ({"padding": ((1, 1),)}, "one integer or two, or pairs .before, after."),
        ({"padding": ((1, 1, 1), 1)}, "padding is .1, 1, 1., and must be one integer or two"),
        ({"padding": -1}, "padding is -1"),
        ({"groups": 3}, "the 4 channels of x do not make 3 groups"),
        ({"groups": 0}, "groups is 0, and must be an integer of at least 1"),
        ({"groups": 2}, "differ in their input channels"),
        ({"bias": ArraySpec((4,))}, "bias .4,. is not .2,., one for each channel of y"),
        ({"bias": ArraySpec((2,), "int")}, "kind 'int'"),
    ],
)
def test_what_makes_no_convolution_is_refused(static: dict[str, Any], reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        OPS["conv2d"].infer(*SPECS, **static)
