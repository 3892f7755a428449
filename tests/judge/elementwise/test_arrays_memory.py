"""Memory beyond the inputs stays constant."""

from __future__ import annotations

import math
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np
import pytest

from gradcmp.case import DTypeTable, Ulp
from gradcmp.judge.elementwise.arrays import compare_all
from gradcmp.judge.elementwise.schedule import Schedule

pytestmark = pytest.mark.slow
MIB = 2**20
SIZE = 20_000_000


SCHEDULES = {
    "numpy": Schedule(worthwhile=math.inf),
    "compiled": Schedule(worthwhile=0, threads=8),
}


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def peak(request):
    """Return what tells the most that a comparison allocates, in MiB."""

    def peak_of(actual, expected, tolerance) -> float:
        # What is compiled is no memory of a comparison.
        compare_all([(actual[-3000:], expected[-3000:])], tolerance, request.param)
        tracemalloc.start()
        try:
            with ThreadPoolExecutor(1) as pool:  # which has no buffers yet
                pool.submit(compare_all, [(actual, expected)], tolerance, request.param).result()
            return tracemalloc.get_traced_memory()[1] / MIB
        finally:
            tracemalloc.stop()

    return peak_of


def scattered(dtype, scale: float):
    """Return numbers that are all different, without the time that random ones take."""
    x = np.arange(SIZE, dtype=np.float32)
    np.sin(x, out=x)
    with np.errstate(over="ignore"):
        return (x * np.float32(scale)).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "factor", "scale", "tolerance"),
    [
        (np.float32, 1 + 1e-6, 1, DTypeTable()),
        (np.float32, -1, 1, DTypeTable()),  # every element disagrees and crosses zero
        (np.float32, -1, 3e38, DTypeTable()),  # every piece is left to float64
        (np.float64, -1, 1, Ulp(3)),
        (ml_dtypes.bfloat16, 1.01, 1, DTypeTable()),
    ],
)
def test_twenty_million_elements_take_less_than_64_mib(dtype, factor, scale, tolerance, peak):
    expected = scattered(dtype, scale)
    actual = (expected * dtype(factor)).astype(dtype)
    assert peak(actual, expected, tolerance) < 64


def test_a_view_is_not_copied_whole(peak):
    x = scattered(np.float32, 1).reshape(2000, 10_000)
    assert peak(x.T, np.broadcast_to(np.float32(1), x.T.shape), DTypeTable()) < 64


def test_a_file_is_not_read_whole(tmp_path, peak):
    x = scattered(np.float32, 1)
    np.save(tmp_path / "x.npy", x)
    stored = np.load(tmp_path / "x.npy", mmap_mode="r")
    x[-1] += 1
    assert peak(stored, x, DTypeTable()) < 64
    assert compare_all([(stored, x)])[0].disagreeing == 1
