"""A run of many cases: when its first result is seen, and how much of the time is gradcmp's own.

    python benchmarks/many_cases.py [CASES]

One case in forty disagrees, since its tolerance is senseless. The run has a terminal, as that of
somebody who waits for it. "Up" is when the last framework says that it is ready. What is gradcmp's
own is said twice: its share of the processors' time after that; and how much longer the run takes
after that than its slowest worker computes, by what that worker says.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from gradcmp.workers import Pool

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
WATCHED = "--watched"


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


class Watch:
    """What a run's workers do, and what it costs the processors."""

    def __init__(self) -> None:
        self.up = 0.0
        self.spent_at_start: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()
        self.computed: Counter[str] = Counter()

    def all_up(self, pool: Pool) -> None:
        """Take note of a worker that is ready: the last one counts."""
        self.up, self.spent_at_start = time.monotonic(), processor_time(pool)
        self.computed.clear()

    def ended(self, pool: Pool) -> None:
        """Take note of the end of a run, while its workers are there."""
        self.spent = processor_time(pool)
        self.spent.subtract(self.spent_at_start)

    def answered(self, worker: str, seconds: float) -> None:
        """Take note of an answer; of what was computed before all were up the rest counts."""
        self.computed[worker] += max(0.0, min(seconds, time.monotonic() - self.up))


def processor_time(pool: Pool) -> Counter[str]:
    """Return the seconds that gradcmp and each of its workers have had of the processors."""
    ticks = os.sysconf("SC_CLK_TCK")
    spent = Counter({"gradcmp": time.process_time()})
    for environment, lane in pool._lanes.items():
        if lane.worker:
            fields = Path(f"/proc/{lane.worker.pid}/stat").read_text().rpartition(")")[2].split()
            spent[str(environment)] = (int(fields[11]) + int(fields[12])) / ticks
    return spent


def watched(facts: str, *arguments: str) -> None:
    """Run gradcmp in this process and watch it."""
    from gradcmp.__main__ import main as gradcmp
    from gradcmp.recording import Recording
    from gradcmp.workers.lane import Lane

    watch, pools = Watch(), []
    say, recorded = Lane._say, Lane._recorded
    init, close = Pool.__init__, Pool.close

    def opened(pool: Pool, *given: Any, **named: Any) -> None:
        pools.append(pool)
        init(pool, *given, **named)

    def told(lane: Lane, phase: Any, label: str = "") -> None:
        if phase == "ready":
            watch.all_up(pools[0])
        say(lane, phase, label)

    def taken(lane: Lane, content: memoryview) -> Any:
        answers = recorded(lane, content)
        for _, answer in answers:
            if isinstance(answer, Recording):
                watch.answered(str(lane.environment), answer.timings["total"])
        return answers

    def closed(pool: Pool) -> None:
        if not watch.spent:
            watch.ended(pool)
        close(pool)

    Lane._say, Lane._recorded = told, taken  # type: ignore[method-assign]
    Pool.__init__, Pool.close = opened, closed  # type: ignore[method-assign]
    sys.argv = ["gradcmp", *arguments]
    try:
        gradcmp()
    finally:
        Path(facts).write_text(json.dumps(vars(watch)), "utf-8")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written(folder, count)
        facts = folder / "facts.json"
        command = [sys.executable, __file__, WATCHED, str(facts), "run", name]
        ours, theirs = pty.openpty()
        start = time.monotonic()
        with subprocess.Popen(command, stdout=theirs, stderr=theirs) as run:
            os.close(theirs)
            first = seen(ours, rf"\b[1-9]\d*/{count}\b")
            run.wait()
        whole = time.monotonic() - start
        told = json.loads(facts.read_text("utf-8"))
    up = told["up"] - start
    after = whole - up
    slowest = max(told["computed"], key=told["computed"].get)
    busy = told["computed"][slowest]
    spent = told["spent"]
    print(f"{count} cases, numpy and {', '.join(BACKENDS)}: {whole:.1f} s")
    print(f"frameworks up after {up:.2f} s, first result seen {first - start - up:.2f} s after it")
    print(f"of the {after:.1f} s after it the slowest worker, {slowest}, computed {busy:.1f} s")
    print("seconds of the processors: " + ", ".join(f"{n} {t:.1f}" for n, t in spent.items()))
    print(f"gradcmp's share of the processors' time: {spent['gradcmp'] / sum(spent.values()):.0%}")
    print(f"of the time beside the slowest worker: {(after - busy) / after:.0%}")


def seen(terminal: int, pattern: str) -> float:
    """Return when a pattern was first written to a terminal; read it to its end."""
    text, moment = "", 0.0
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # how Linux says that nobody writes any more
            return moment
        if not moment:
            text += more.decode("utf-8", "replace")
            if re.search(pattern, text):
                moment = time.monotonic()


if __name__ == "__main__":
    if sys.argv[1:2] == [WATCHED]:
        watched(*sys.argv[2:])
    else:
        main()
