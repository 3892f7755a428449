"""TensorFlow's kernels that are for float32 alone, where other dtypes go another way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcmp.ops import OPS

CALLS = [
    ("interpolate", (1, 2, 3, 4), {"size": (5, 3), "mode": "linear"}),
    ("interpolate", (1, 2, 3, 4), {"size": (2, 6), "mode": "bilinear", "align_corners": True}),
    ("max_pool", (1, 2, 4, 5, 3), {"kernel": 2, "stride": (2, 1, 1), "padding": (1, 0, 1)}),
    ("avg_pool", (1, 2, 4, 5, 3), {"kernel": (2, 3, 2), "padding": 1, "count_include_pad": False}),
]


@pytest.mark.parametrize(("op", "shape", "static"), CALLS, ids=[str(call) for call in CALLS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_ways_are_the_reference(
    op: str, shape: tuple[int, ...], static: dict[str, Any], dtype: str, adapter: Any
) -> None:
    tf = adapter("tensorflow").tf

    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    value, pullback = OPS[op].reference(x, **static)
    dy = rng.standard_normal(value.shape)
    given = tf.constant(x, dtype)
    with tf.GradientTape() as tape:
        tape.watch(given)
        found = OPS[op].native["tensorflow"](tf, given, **static)
    gradient = tape.gradient(found, given, tf.constant(dy, dtype))
    close = 2e-6 if dtype == "float32" else 1e-14
    for actual, expected in ((found, value), (gradient, pullback(dy)[0])):
        assert actual.dtype.name == dtype
        np.testing.assert_allclose(actual.numpy(), expected, rtol=close, atol=close)
        assert np.abs(actual.numpy() + expected).max() > 1e-3
