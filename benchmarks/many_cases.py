"""A run of many cases: when its first line comes, and how much of the time is gradcmp's own.

    python benchmarks/many_cases.py [CASES]

One case in forty disagrees, since its tolerance is senseless. "Up" is when the slowest framework
has been imported, as the workers report it; the start of the interpreters counts as gradcmp's own.
Own is the time in which no framework computes: what is left of the whole when from each case the
slowest backend's own time is taken.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BACKENDS = ("torch", "tensorflow", "jax")
CASE = """name: case{number:03}
inputs: {{X: "normal:{rows}x6", W: "normal:6x5", b: "normal:5"}}
graph:
  h: tanh(X @ W + b)
  loss: sum(h * h) / {rows}
backends: [numpy, {backends}]
{tolerance}
"""
SENSELESS = "tolerance: {rtol: 1.0e-14, atol: 0.0}"


def written(folder: Path, count: int) -> None:
    """Write as many configs."""
    for number in range(count):
        tolerance = SENSELESS if number % 40 == 7 else "tolerance: auto"
        text = CASE.format(
            number=number,
            rows=2 + number % 9,
            backends=", ".join(BACKENDS),
            tolerance=tolerance,
        )
        (folder / f"case{number:03}.yaml").write_text(text, "utf-8")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written(folder, count)
        facts = folder / "facts.json"
        command = [sys.executable, "-m", "gradcmp", "run", name, "--json", str(facts)]
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout
            moments = [time.perf_counter() - start for _ in run.stdout]
        whole = time.perf_counter() - start
        cases = json.loads(facts.read_text("utf-8"))["cases"]
    assert len(cases) == count
    timings = [[backend["timings"] for backend in case["backends"]] for case in cases]
    up = max(one.get("import", 0.0) for by in timings for one in by)
    computed = sum(max(one["total"] for one in by) for by in timings)
    print(f"{count} cases, numpy and {', '.join(BACKENDS)}: {whole:.1f} s")
    print(f"slowest import {up:.2f} s; first line {moments[0] - up:.2f} s after it")
    print(f"own share of the time after it: {(whole - up - computed) / (whole - up):.0%}")


if __name__ == "__main__":
    main()
