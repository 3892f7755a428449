"""Pools against torch on drawn arguments, by hand, at the ends of x, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_twin import assert_equal

from gradcmp.ops import OPS, ArraySpec, ShapeError
from gradcmp.ops.images.windows import Windows

pytestmark = pytest.mark.usefixtures("with_torch")


def drawn(axes: int, seed: int) -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng([axes, seed])
    kernel = rng.integers(1, 4, axes)
    static = {
        "kernel": tuple(kernel.tolist()),
        "stride": [None, 2, tuple(rng.integers(1, 4, axes).tolist())][int(rng.integers(3))],
        "padding": tuple((rng.integers(0, 2, axes) * (kernel // 2)).tolist()),
        "ceil_mode": bool(rng.integers(2)),
    }
    return rng.standard_normal((2, 2, *rng.integers(5, 9, axes))), static


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_values_and_gradients_are_those_of_torch(axes: int) -> None:
    import torch

    functional = torch.nn.functional
    for seed in range(12):
        x, static = drawn(axes, seed)
        own = {**static, "kernel_size": static["kernel"]}
        del own["kernel"]
        dilation = {"dilation": 1 + seed % 2}
        largest, mean = (getattr(functional, f"{name}_pool{axes}d") for name in ("max", "avg"))
        assert_equal(
            "max_pool",
            [x],
            lambda x, f=largest, a={**own, **dilation}: f(x, **a),
            **static,
            **dilation,
        )
        counted = {"count_include_pad": seed % 3 > 0}
        assert_equal(
            "avg_pool", [x], lambda x, f=mean, a={**own, **counted}: f(x, **a), **static, **counted
        )


def test_uneven_padding_is_that_of_padded_numbers() -> None:
    import torch

    x = np.random.default_rng(0).standard_normal((1, 2, 5, 6))

    def of(pool: str, fill: float) -> Any:
        function = getattr(torch.nn.functional, pool)
        return lambda x: function(torch.nn.functional.pad(x, (0, 1, 1, 0), value=fill), 3, 2)

    static = {"kernel": 3, "stride": 2, "padding": ((1, 0), (0, 1))}
    assert_equal("max_pool", [x], of("max_pool2d", -np.inf), **static)
    assert_equal("avg_pool", [x], of("avg_pool2d", 0.0), **static)


def test_the_mean_at_the_border_by_hand() -> None:
    x = np.array([[[1.0, 2.0, 4.0, 8.0]]])
    pool = OPS["avg_pool"].reference
    for counted, expected in ((True, [1, 14 / 3]), (False, [3 / 2, 14 / 3])):
        value, pullback = pool(x, 3, 2, ((1, 0),), count_include_pad=counted)
        np.testing.assert_allclose(value[0, 0], expected, rtol=1e-15)
        (dx,) = pullback(np.array([[[6.0, 30.0]]]))
        first = 2 if counted else 3
        np.testing.assert_allclose(dx[0, 0], [first, first + 10, 10, 10], rtol=1e-15)
    # Beyond the padding nothing counts: the last window has two numbers.
    value, _ = pool(x, 3, 2, ceil_mode=True)
    np.testing.assert_allclose(value[0, 0], [7 / 3, 6], rtol=1e-15)


@pytest.mark.parametrize("length", range(3, 9))
def test_a_last_window_begins_on_x_or_before_it(length: int) -> None:
    import torch

    for kernel, stride, padding in ((2, 2, 1), (3, 2, 0), (3, 3, 1), (2, 3, 0), (3, 4, 1)):
        x = torch.zeros(1, 1, length)
        expected = torch.nn.functional.max_pool1d(x, kernel, stride, padding, ceil_mode=True)
        windows = Windows.over((1, 1, length), kernel, stride, padding, 1, ceil_mode=True)
        assert windows.lengths == tuple(expected.shape[2:])


IMAGES = ArraySpec((1, 2, 5, 5))


@pytest.mark.parametrize(
    ("op", "static", "reason"),
    [
        ("max_pool", {"kernel": (2, 2, 2)}, "kernel is .2, 2, 2., and must be one integer or two"),
        ("max_pool", {"kernel": 2, "ceil_mode": 1}, "ceil_mode is 1, and must be True or False"),
        ("max_pool", {"kernel": 3, "padding": ((0, 2), 1)}, "more than half of the kernel"),
        ("max_pool", {"kernel": 3, "dilation": 3}, "no window"),
        ("avg_pool", {"kernel": 2, "count_include_pad": 0}, "count_include_pad is 0"),
        ("avg_pool", {"kernel": 2, "padding": "SAME"}, "one of 'same', 'valid'"),
    ],
)
def test_what_makes_no_pool_is_refused(op: str, static: dict[str, Any], reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        OPS[op].infer(IMAGES, **static)


def test_windows_of_padding_alone_and_other_numbers_of_axes_are_refused() -> None:
    with pytest.raises(ShapeError, match="a window lies on padding alone"):
        OPS["max_pool"].infer(ArraySpec((1, 1, 1)), 2, 1, 1, 2)
    for shape in ((2, 5), (1, 1, 2, 2, 2, 2)):
        with pytest.raises(ShapeError, match=r"is none of \(samples, channels, length\), "):
            OPS["avg_pool"].infer(ArraySpec(shape), 2)
