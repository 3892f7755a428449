"""The judge against NumPy's and torch's comparators, as ratios of medians taken in one run.

    python benchmarks/judge.py [ELEMENTS]

Both arrays differ in nearly every element and agree within the default tolerance of every
contender, so that none can stop early. gradcmp gives all its statistics: the worst element, three
maxima, numbers of equal and disagreeing elements, the octaves of ULP, norms and the cosine; by the
compiled loops, warm, and by NumPy, which does the first 1.3e8 elements of a process.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable

import ml_dtypes
import numpy as np
import torch

from gradcmp.case import DTypeTable
from gradcmp.judge.elementwise.arrays import compare_all
from gradcmp.judge.elementwise.schedule import Schedule

ELEMENTS = 20_000_000
ROUNDS = 7
PAUSE = 0.3  # seconds: threads of the one before spin for a while, for more work to come
CASES = {"float64": 2e-16, "float32": 1e-7, "bfloat16": 6e-3}  # relative noise: 1.7 roundoffs


def arrays(dtype: str, count: int):
    rng = np.random.default_rng(0)
    first = rng.standard_normal(count)
    second = first * (1 + CASES[dtype] * rng.standard_normal(count))
    known = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return first.astype(known), second.astype(known)


def tensor(array: np.ndarray) -> torch.Tensor:
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def contenders(a: np.ndarray, e: np.ndarray) -> dict[str, Callable[[], object]]:
    bits = (a.view(np.uint16), e.view(np.uint16)) if a.dtype.itemsize == 2 else (a, e)
    ta, te = tensor(a), tensor(e)
    return {
        "gradcmp": lambda: compared(0, a, e),
        "by NumPy": lambda: compared(math.inf, a, e),
        "reading both": lambda: (bits[0].max(), bits[1].max()),
        "assert_allclose": lambda: np.testing.assert_allclose(a, e, rtol=4e-2, atol=1e-2),
        "assert_close": lambda: torch.testing.assert_close(ta, te, rtol=4e-2, atol=1e-2),
    }


def compared(worthwhile: float, a: np.ndarray, e: np.ndarray) -> object:
    (comparison,) = compare_all([(a, e)], DTypeTable(), Schedule(worthwhile=worthwhile))
    return comparison


def medians(functions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Take the contenders in turn, so that what else the machine does hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ELEMENTS
    print(f"{count:.0e} elements, medians of {ROUNDS} rounds, NumPy {np.__version__}, ", end="")
    print(f"torch {torch.__version__} with {torch.get_num_threads()} threads\n")
    print("| dtype | gradcmp | reading both | assert_allclose | assert_close | gradcmp by NumPy |")
    print("|---|---|---|---|---|---|")
    for dtype in CASES:
        a, e = arrays(dtype, count)
        contending = contenders(a, e)
        assert all(contending[name]().agrees for name in ("gradcmp", "by NumPy"))
        taken = medians(contending)
        own, reading, plain = (taken.pop(n) for n in ("gradcmp", "reading both", "by NumPy"))
        others = " | ".join(f"{t * 1e3:.0f} ms = {t / own:.1f} × gradcmp" for t in taken.values())
        print(f"| {dtype} | {own * 1e3:.1f} ms = {own / reading:.1f} × reading ", end="")
        print(f"| {reading * 1e3:.1f} ms | {others} | {plain * 1e3:.0f} ms |", flush=True)


if __name__ == "__main__":
    main()
