"""From writing the config to the new screen, with warm workers: `gradcmp run --watch`.

    python benchmarks/watch.py [ROUNDS]

The seed case is watched, on a pipe. Each round changes the seed, the graph and the tolerance in
turn; what is measured ends with the last line of the screen, the verdict. Printed are medians.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import IO

from gradcmp.config.files import seed_text

WATCH = (sys.executable, "-m", "gradcmp", "run", "--watch")
LAST = ("✓", "✗", "?")  # how the line with the verdict begins


def screen(stream: IO[str]) -> str:
    """Read up to the verdict, which is the last line."""
    lines = []
    for line in stream:
        lines.append(line)
        if line.startswith(LAST) and "gree: " in line:
            return "".join(lines)
    raise SystemExit("gradcmp ended: " + "".join(lines))


def changes(number: int) -> dict[str, str]:
    text = seed_text()
    other = text.replace("node1 + Z", f"node1 + {number + 2} * Z")
    return {
        "another seed": f"{text}\nseed: {number + 1}\n",
        "another graph": other,
        "another tolerance": f"{other}\ntolerance: {{rtol: 1e-{number % 5 + 2}, atol: 1e-6}}\n",
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "seed.yaml"
        config.write_text(seed_text(), "utf-8")
        process = subprocess.Popen(
            [*WATCH, str(config)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
        )
        assert process.stdout is not None
        screen(process.stdout)
        for number in range(rounds):
            for name, text in changes(number).items():
                time.sleep(0.1)
                start = time.perf_counter()
                config.write_text(text, "utf-8")
                screen(process.stdout)
                times.setdefault(name, []).append(time.perf_counter() - start)
        process.send_signal(signal.SIGINT)
        process.communicate()
    print(f"medians of {rounds} rounds on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, values in times.items():
        print(f"{name:20} {1e3 * median(values):6.0f} ms   (slowest {1e3 * max(values):.0f} ms)")


if __name__ == "__main__":
    main()
