"""The compiled sweep: the same as NumPy's in everything, loaded late, and not needed."""

from __future__ import annotations

import math
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from gradcmp.case import DTypeTable, Fixed, Ulp
from gradcmp.judge.elementwise import compiled, parallel
from gradcmp.judge.elementwise import difference as definition
from gradcmp.judge.elementwise import statistics as tally
from gradcmp.judge.elementwise import stream as sweep
from gradcmp.judge.elementwise.arrays import compare

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


def by_both(monkeypatch, actual, expected, rule):
    found = []
    for worthwhile in (math.inf, 0):
        monkeypatch.setattr(parallel, "WORTHWHILE", worthwhile)
        found.append(compare(actual, expected, rule))
    return found


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
def test_both_sweeps_say_the_same(monkeypatch, dtype, other, spread, rule):
    plain, fast = by_both(monkeypatch, *pair(dtype, other, spread), rule)
    assert fast == plain
    assert {type(count) for count in (fast.equal, *fast.octaves)} == {int}  # JSON knows no other
    assert fast.norm_actual == pytest.approx(plain.norm_actual, rel=1e-5)
    assert fast.norm_expected == pytest.approx(plain.norm_expected, rel=1e-5)
    assert fast.cosine == pytest.approx(plain.cosine, abs=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1.0, 0.0])
@pytest.mark.parametrize("index", [0, 1023, 1024, 3000, SIZE - 1])
def test_one_spoiled_element_is_found_wherever_it_is(monkeypatch, value, index):
    _, expected = pair("float32", "float32", 0.0)
    expected[index] = 2.0
    actual = expected.copy()
    actual[index] = value
    for found in by_both(monkeypatch, actual, expected, DTypeTable()):
        assert not found.agrees
        assert found.disagreeing == 1
        assert found.worst.index == (index,)
        assert found.nonfinite == (not math.isfinite(value))


def test_the_loops_have_the_constants_of_the_definition():
    loops = compiled.kernels()
    assert loops.FAINT == sweep.FAINT
    assert loops.LARGEST == definition.LARGEST
    assert loops.OCTAVES == tally.OCTAVES


def test_norms_of_small_numbers_do_not_vanish(monkeypatch):
    x = np.full(SIZE, 1e-30, np.float32)
    _, fast = by_both(monkeypatch, 2 * x, x, DTypeTable())
    assert fast.norm_expected == pytest.approx(1e-30 * SIZE**0.5)
    assert fast.cosine == pytest.approx(1.0)


def test_without_numba_numpy_sweeps():
    script = (
        "import sys, numpy as np\n"
        "sys.modules['numba'] = None\n"  # importing it fails
        "from gradcmp.judge import compare\nfrom gradcmp.judge.elementwise import parallel\n"
        "parallel.WORTHWHILE = 0\n"
        "x = np.ones(10_000)\n"
        "assert parallel.kernels() is None\n"
        "assert compare(x, x).agrees and not compare(2 * x, x).agrees\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_process_of_little_memory_does_not_compile():
    resource = pytest.importorskip("resource")
    script = (
        "import resource, sys\n"
        "from gradcmp.judge.elementwise import parallel\n"
        f"resource.setrlimit({resource.RLIMIT_DATA}, (1 << 28, 1 << 28))\n"
        "assert parallel.kernels() is None and 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_numba_is_loaded_only_when_much_was_compared():
    script = (
        "import sys, numpy as np\n"
        "from gradcmp.judge import compare\nfrom gradcmp.judge.elementwise import parallel\n"
        "x = np.ones(10_000)\n"
        "compare(x, x); assert 'numba' not in sys.modules\n"
        "parallel.WORTHWHILE = parallel._swept + 1\n"
        "compare(x, x); assert 'numba' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
