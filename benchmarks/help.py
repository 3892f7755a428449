"""``gradcmp --help`` against ``python -c "import click"``.

    python benchmarks/help.py [ROUNDS]

Both run once in each round, in turn; printed are medians and their ratio.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

COMMANDS = {
    'python -c "import click"': (sys.executable, "-c", "import click"),
    "gradcmp --help": (str(Path(sys.executable).with_name("gradcmp")), "--help"),
}


def seconds(command: tuple[str, ...]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    medians = {name: median(each) for name, each in times.items()}
    bare = next(iter(medians.values()))
    print(f"medians of {rounds} rounds")
    for name, each in medians.items():
        print(f"{name:28} {each * 1e3:6.0f} ms {each / bare:6.2f} ×")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
