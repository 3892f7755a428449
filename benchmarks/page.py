"""How long the page of many cases takes to write and to open, and how large it is.

    python benchmarks/page.py [CASES] [BACKENDS]

One case in ten disagrees, in arrays of 64×64, in every pair with one backend; the others are what
most cases are, small and right. Opening is timed in a headless Chromium from a file, until the
page has been laid out and a frame was drawn; needs the `dev` extra and a chromium.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from gradcmp.case import BackendSpec, Case, Expression, Fixed, InputSpec
from gradcmp.judge import compare
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Array, Recording
from gradcmp.report import report_named

LABELS = (
    "numpy",
    "torch",
    "jax:jit",
    "tensorflow:graph",
    "jax:eager",
    "tensorflow:eager",
    "torch:compile",
)
RUNS = 3
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def recorded(label: str, side: int, wrong: bool) -> Recording:
    rng = np.random.default_rng(side)
    spoilt = np.random.default_rng(1)
    dtype = np.dtype(np.float64 if label == "numpy" else np.float32)
    values: dict[str, Array] = {name: rng.standard_normal((side, side)) for name in ("h", "y")}
    values["loss"] = np.asarray(rng.standard_normal())
    gradients = {
        name: rng.standard_normal((side, side)) for name in ("loss", "y", "h", "b", "W", "X")
    }
    if wrong:
        gradients["W"] = gradients["W"] + (spoilt.random((side, side)) < 0.1) * 1e-3
    cast = [{name: a.astype(dtype) for name, a in by.items()} for by in (values, gradients)]
    timings = {"forward": 1e-3, "backward": 2e-3, "total": 3e-3}
    return Recording(label, dtype.name, *cast, {label: "1.2.3", "threads": "2"}, timings)


def verdict(side: int, wrong: bool, labels: tuple[str, ...]) -> CaseVerdict:
    tolerance = Fixed(1e-5, 1e-6)
    recordings = {label: recorded(label, side, wrong and label == "torch") for label in labels}
    shape = (side, side)
    case = Case(
        "layer",
        {name: InputSpec("normal", shape) for name in ("X", "W", "b")},
        {
            "h": Expression("X @ W + b"),
            "y": Expression("tanh(h)"),
            "loss": Expression("sum(y * y) / 2"),
        },
        "loss",
        ("X", "W", "b"),
        tuple(map(BackendSpec, labels)),
        tolerance,
    )
    tensors = {label: recording.tensors for label, recording in recordings.items()}
    pairs = {
        Pair(actual, expected): {
            name: compare(tensors[actual][name], tensors[expected][name], tolerance)
            for name in tensors[actual]
        }
        for expected, actual in itertools.combinations(labels, 2)
    }
    return CaseVerdict(case, "numpy", recordings, pairs)


def opened(path: Path) -> list[float]:
    from playwright.sync_api import sync_playwright

    drawn = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
    times = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM))
        for _ in range(RUNS):
            page = browser.new_page()
            start = time.perf_counter()
            page.goto(path.as_uri())
            page.evaluate(drawn)
            times.append(time.perf_counter() - start)
            page.close()
        browser.close()
    return times


def main() -> None:
    cases, backends = (int(text) for text in [*sys.argv[1:], *("1000", "4")[len(sys.argv) - 1 :]])
    labels = LABELS[:backends]
    right, wrong = verdict(4, False, labels), verdict(64, True, labels)
    verdicts = [wrong if number % 10 == 0 else right for number in range(cases)]
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        text = report_named("html")(verdicts)
        times.append(time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(text, "utf-8")
        print(f"{cases} cases, {len(wrong.comparisons)} pairs, {len(wrong.tensors)} tensors each")
        print(f"write {median(times):.2f} s   size {path.stat().st_size / 1e6:.2f} MB")
        print(f"open  {median(opened(path)):.2f} s   (medians of {RUNS})")


if __name__ == "__main__":
    main()
