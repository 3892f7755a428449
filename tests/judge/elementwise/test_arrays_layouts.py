"""Strides, byte order and where the memory lies change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from schedules import cast

from gradcmp.case import DTypeTable
from gradcmp.judge.elementwise.arrays import compare

LAYOUTS = {
    "F order": np.asfortranarray,
    "reversed": lambda x: x[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "every second": lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
    "transposed": lambda x: np.ascontiguousarray(x.transpose(2, 0, 1)).transpose(1, 2, 0),
    "unaligned": lambda x: (
        np.frombuffer(b"?" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)
    ),
    "big endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("other", [np.ascontiguousarray, *LAYOUTS.values()])
def test_the_layout_changes_nothing(layout, other, by):
    rng = np.random.default_rng(8)
    expected = rng.standard_normal((5, 7, 9)).astype(np.float32)
    actual = (expected * (1 + 1e-2 * rng.standard_normal((5, 7, 9)))).astype(np.float32)
    assert by(layout(actual), other(expected), DTypeTable()) == by(actual, expected, DTypeTable())


def test_layouts_of_bfloat16(by):
    rng = np.random.default_rng(9)
    expected = cast(rng.standard_normal((6, 11)), "bfloat16")
    actual = cast(expected.astype(float) * 1.5, "bfloat16")
    plain = by(actual, expected, DTypeTable())
    assert plain.disagreeing
    assert by(np.asfortranarray(actual), expected[::-1][::-1], DTypeTable()) == plain
    assert (
        by(actual.T, expected.T, DTypeTable()).statistics.max_absolute
        == plain.statistics.max_absolute
    )


def test_a_broadcast_array_costs_no_memory():
    one = np.broadcast_to(np.float32(1), (1000, 70))
    other = np.broadcast_to(np.float32(1.5), (1000, 70))
    assert compare(one, one, DTypeTable()).verdict.reason == "exact"
    assert compare(other, one, DTypeTable()).disagreeing == 70_000


def test_memory_maps(tmp_path):
    rng = np.random.default_rng(10)
    x = rng.standard_normal((300, 5)).astype(np.float32)
    np.save(tmp_path / "a.npy", x)
    np.save(tmp_path / "e.npy", np.where(x == x.max(), 2 * x, x))
    a, e = (np.load(tmp_path / name, mmap_mode="r") for name in ("a.npy", "e.npy"))
    comparison = compare(a, e, DTypeTable())
    assert comparison.disagreeing == 1
    assert comparison.worst.index == np.unravel_index(x.argmax(), x.shape)
