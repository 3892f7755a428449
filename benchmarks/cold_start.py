"""The seed case from cold against the slowest import alone: `python -c "import tensorflow"`.

    python benchmarks/cold_start.py [ROUNDS]

Every command runs once in each round, in turn, so that a busy machine slows all alike. Printed
are medians and, for each command, its ratio to the bare import.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from statistics import median

BARE = (sys.executable, "-c", "import tensorflow")
RUN = (sys.executable, "-m", "gradcmp", "run")
CORE = ("numpy", "tensorflow:eager", "tensorflow:graph", "tensorflow:session", "torch")
JAX = ("jax:eager", "jax:jit")


def chosen(*backends: str) -> tuple[str, ...]:
    return (*RUN, *(word for backend in backends for word in ("--backend", backend)))


COMMANDS = {
    "import tensorflow": BARE,
    "import torch": (sys.executable, "-c", "import torch"),
    "gradcmp run, numpy + tensorflow": chosen(*CORE[:-1]),
    "gradcmp run, numpy + tensorflow + torch": chosen(*CORE),
    "gradcmp run, the same + jax": chosen(*CORE, *JAX),
}


def seconds(command: tuple[str, ...]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    bare = median(times["import tensorflow"])
    print(f"medians of {rounds} rounds on {os.cpu_count()} cores")
    for name, values in times.items():
        print(f"{name:42} {median(values):6.2f} s  {median(values) / bare:5.2f} ×")


if __name__ == "__main__":
    main()
