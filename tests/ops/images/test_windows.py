"""Views and slices do for plain arrays what a gather and a scatter do for all others."""

from __future__ import annotations

import numpy as np
import pytest

from gradcmp.ops.images.windows import Windows


class Other(np.ndarray):
    """An array of another class, for which there is no short cut."""

    def __array_function__(self, function, types, args, kwargs):  # type: ignore[no-untyped-def]
        result = super().__array_function__(function, types, args, kwargs)
        return result.view(Other) if isinstance(result, np.ndarray) else result


CASES = {
    "signals": ((3, 4, 4000), 3, 2, 1, 1),
    "images": ((2, 8, 64, 60), (2, 3), (1, 2), ((1, 2), (0, 3)), (3, 1)),
    "volumes": ((2, 4, 16, 16, 12), 2, 1, 0, (1, 2, 1)),
    "few numbers": ((2, 3, 5, 4), (3, 2), 2, 1, 1),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_short_cut_gives_the_same_bits(case) -> None:
    windows = Windows.over(*case)
    rng = np.random.default_rng(0)
    x = rng.standard_normal(windows.shape)
    pieces = windows.cut(x, 7.0)
    others = windows.cut(x.view(Other), 7.0)
    assert type(others) is Other
    np.testing.assert_array_equal(pieces, others.view(np.ndarray))
    dy = rng.standard_normal(pieces.shape)
    pasted = windows.paste(dy)
    assert pasted.shape == x.shape
    np.testing.assert_array_equal(pasted, windows.paste(dy.view(Other)).view(np.ndarray))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_pasting_is_the_transpose_of_cutting(case) -> None:
    windows = Windows.over(*case)
    rng = np.random.default_rng(1)
    x = rng.standard_normal(windows.shape)
    dy = rng.standard_normal(windows.cut(x).shape)
    assert np.vdot(windows.cut(x), dy) == pytest.approx(np.vdot(x, windows.paste(dy)), rel=1e-9)
    assert np.vdot(windows.cut(x), dy) != pytest.approx(np.vdot(x, -windows.paste(dy)), rel=1e-9)
