"""The compiled loops: the same as NumPy in everything, loaded late, and not needed."""

from __future__ import annotations

import math
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from gradcmp.case import DTypeTable, Fixed, Ulp
from gradcmp.judge.elementwise import compiled, difference
from gradcmp.judge.elementwise.arrays import compare_all
from gradcmp.judge.elementwise.schedule import Schedule

pytestmark = [pytest.mark.slow, pytest.mark.processes]  # to compile takes seconds
SIZE = 5000  # several blocks, and a last one that is not full
PAIRS = [
    ("float32", "float32"),
    ("float32", "float64"),
    ("float64", "float64"),
    ("bfloat16", "bfloat16"),
    ("bfloat16", "float64"),
    ("float16", "float32"),
]
RULES = {
    "table": DTypeTable(),
    "tight": Fixed(1e-7, 0.0),
    "ulp": Ulp(2),
    "faint": Fixed(1e-50, 1e-30),
}


def by_both(actual, expected, rule):
    both = (Schedule(worthwhile=math.inf), Schedule(worthwhile=0))
    return [compare_all([(actual, expected)], rule, schedule)[0] for schedule in both]


def pair(dtype: str, other: str, spread: float):
    rng = np.random.default_rng(0)
    u = float(ml_dtypes.finfo(dtype).eps)
    x = rng.standard_normal(SIZE) * 10.0 ** rng.uniform(-3, 3, SIZE)
    x[rng.random(SIZE) < 0.2] = 0.0
    y = x * (1 + spread * u * rng.standard_normal(SIZE))
    return y.astype(dtype), x.astype(other)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("spread", [0.0, 1.0, 1e4])
@pytest.mark.parametrize(("dtype", "other"), PAIRS)
def test_both_say_the_same(dtype, other, spread, rule):
    plain, fast = by_both(*pair(dtype, other, spread), rule)
    assert fast == plain
    fast, plain = fast.statistics, plain.statistics
    counts = (fast.equal, *fast.ulp_histogram)
    assert {type(count) for count in counts} == {int}  # JSON knows no other
    assert fast.norm_actual == pytest.approx(plain.norm_actual, rel=1e-5)
    assert fast.norm_expected == pytest.approx(plain.norm_expected, rel=1e-5)
    assert fast.cosine == pytest.approx(plain.cosine, abs=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1.0, 0.0])
@pytest.mark.parametrize("index", [0, 1023, 1024, 3000, SIZE - 1])
def test_one_spoiled_element_is_found_wherever_it_is(value, index):
    _, expected = pair("float32", "float32", 0.0)
    expected[index] = 2.0
    actual = expected.copy()
    actual[index] = value
    for found in by_both(actual, expected, DTypeTable()):
        assert not found.agrees
        assert found.disagreeing == 1
        assert found.worst.index == (index,)
        assert found.statistics.nonfinite == (not math.isfinite(value))


def test_the_loops_have_the_constants_of_the_definition():
    loops = compiled.kernels()
    assert loops.FAINT == difference.FAINT
    assert loops.LARGEST == difference.LARGEST
    assert loops.OCTAVES == 65  # below 1 ULP, and one for each bit of the longest distance


def test_norms_of_small_numbers_do_not_vanish():
    x = np.full(SIZE, 1e-30, np.float32)
    _, fast = by_both(2 * x, x, DTypeTable())
    assert fast.statistics.norm_expected == pytest.approx(1e-30 * SIZE**0.5)
    assert fast.statistics.cosine == pytest.approx(1.0)


def test_without_numba_numpy_sweeps():
    script = (
        "import sys, numpy as np\n"
        "sys.modules['numba'] = None\n"  # importing it fails
        "from gradcmp.judge.elementwise import arrays, compiled, schedule\n"
        "x, at_once = np.ones(10_000), schedule.Schedule(worthwhile=0)\n"
        "assert compiled.kernels() is None\n"
        "found = arrays.compare_all([(x, x), (2 * x, x)], schedule=at_once)\n"
        "assert [one.agrees for one in found] == [True, False]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_process_of_little_memory_does_not_compile():
    resource = pytest.importorskip("resource")
    script = (
        "import resource, sys\n"
        "from gradcmp.judge.elementwise import compiled\n"
        f"resource.setrlimit({resource.RLIMIT_DATA}, (1 << 28, 1 << 28))\n"
        "assert compiled.kernels() is None and 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_numba_is_loaded_only_when_much_was_compared():
    script = (
        "import sys, numpy as np\n"
        "from gradcmp.judge.elementwise import arrays, schedule\n"
        "x, soon = np.ones(10_000), schedule.Schedule(worthwhile=40_000)\n"
        "arrays.compare_all([(x, 2 * x)], schedule=soon); assert 'numba' not in sys.modules\n"
        "arrays.compare_all([(x, 2 * x)], schedule=soon); assert 'numba' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
