"""The noise of a function beside the errors that it makes, and its cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.calibration import pool
from gradcmp.native.outcome import Outcome

REPLICAS = 16
WAYS = 16
HEADER = f"{'block':26s} {'noise/error':>12s} {'r':>5s} {'p':>5s} near  plain ms  clean  16 noisy"


@dataclass(frozen=True)
class Measured:
    ratios: dict[str, float]  # noise over actual error
    r: dict[str, float]
    p: dict[str, float]
    near: int
    plain: float  # seconds
    clean: float  # in plain runs
    noisy: float


def measure(side: Any, dtype: str) -> Measured:
    """Return how the noise of a side compares with its errors, and what it costs."""
    plain, clean = side.plain(dtype), side.clean(dtype)
    seconds = timed(lambda: side.plain("float64"), 5)
    cleaned = timed(lambda: side.clean(dtype), 3)
    start = time.process_time()
    replicas = side.noisy(dtype, REPLICAS)
    noisy = time.process_time() - start
    jumps = spans(side, dtype, clean) if max(one.near for one in replicas) else {}
    ratios, r, p = {}, {}, {}
    for name, base in clean.tensors.items():
        stack = np.stack([base, *(one.tensors[name] for one in replicas)])
        scale = pool(stack, FORMATS[dtype], 1 + FORMATS[dtype].only_stores)
        error = np.asarray(plain.tensors[name], np.float64) - base
        jump = jumps.get(name, np.zeros_like(base))
        beyond = np.maximum(np.abs(error) - jump, 0.0)
        r[name] = float(np.max(beyond / scale.s))
        if jump.any():
            continue
        w = base / scale.s**2
        if np.any(w * base):
            p[name] = float(abs(np.sum(w * error) / np.sum(w * base)) / scale.coherent)
        if rms(error):
            ratios[name] = rms(scale.s) / rms(error)
    return Measured(ratios, r, p, replicas[0].near, seconds, cleaned / seconds, noisy / seconds)


def spans(side: Any, dtype: str, clean: Outcome) -> dict[str, Any]:
    """Return how far each element moves when open branches are taken otherwise."""
    found: dict[str, Any] = {}
    for way in side.ways(dtype, WAYS):
        for name, base in clean.tensors.items():
            found[name] = np.maximum(found.get(name, 0.0), np.abs(way.tensors[name] - base))
    return {name: np.where(jump > 1e-12, jump, 0.0) for name, jump in found.items()}


def rms(array: Any) -> float:
    return float(np.sqrt(np.mean(np.square(array))))


def timed(run: Callable[[], Any], times: int) -> float:
    run()
    found = []
    for _ in range(times):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def row(name: str, found: Sequence[Measured]) -> str:
    """Return the line of one block, of several seeds."""
    ratios = [one for run in found for one in run.ratios.values()] or [np.nan]
    return (
        f"{name:26s} {np.median(ratios):12.1f} {max(max(m.r.values()) for m in found):5.1f} "
        f"{max(max(m.p.values(), default=0) for m in found):5.1f} "
        f"{max(m.near for m in found):4d} {1e3 * np.median([m.plain for m in found]):9.1f} "
        f"{np.median([m.clean for m in found]):6.1f} {np.median([m.noisy for m in found]):9.0f}"
    )


def summary(every: Sequence[Measured]) -> str:
    """Return the line of all blocks."""
    ratios = [one for run in every for one in run.ratios.values()]
    low, middle, high = np.percentile(ratios, [10, 50, 90])
    return (
        f"{len(ratios)} tensors: noise over error {low:.1f}, {middle:.1f}, {high:.1f} "
        f"(10, 50, 90 %), largest r {max(max(m.r.values()) for m in every):.1f}, largest p "
        f"{max(max(m.p.values(), default=0) for m in every):.1f}; 16 replicas cost "
        f"{np.median([m.noisy for m in every]):.0f} plain runs in the median"
    )
