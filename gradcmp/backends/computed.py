"""Which ops a backend computes, asked without taking a stranger's code into this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from gradcmp import system
from gradcmp.backends.registry import BUILT_IN, import_adapter
from gradcmp.ops import OPS

PATIENCE = 10.0  # seconds for a plug-in's code to be imported
LENGTH = 200  # characters of what it said last
# Nothing of the current directory is imported.
ASK = """
import sys
sys.path[:] = [place for place in sys.path if place]
from gradcmp.backends.computed import ask
ask(sys.argv[1])
"""


@dataclass(frozen=True)
class Answer:
    """The ops that a backend computes, by name; of one that could not be asked, why: a sentence."""

    ops: frozenset[str] = frozenset()
    why: str = ""


def computed_ops(name: str) -> Answer:
    """Return the ops that a backend computes; none for a plug-in that is broken.

    A plug-in's code is imported in a process of its own: if it crashes, exits or hangs, it
    computes nothing.
    """
    if name in BUILT_IN:
        adapter = import_adapter(name)
        return Answer(frozenset(op.name for op in OPS.everything() if adapter.computes(op)))
    try:
        done = subprocess.run(
            [sys.executable, "-c", ASK, name],
            env={**os.environ, "PYTHONSAFEPATH": "1"},  # for what it starts in turn
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        return Answer(frozenset(json.loads(done.stdout.splitlines()[-1])))
    except (subprocess.SubprocessError, OSError, ValueError, IndexError, TypeError) as error:
        text = f"backend '{name}' cannot be asked which ops it computes: {_reason(error)}"
        return Answer(why="".join(c if c.isprintable() else "\ufffd" for c in text))


def _reason(error: Exception) -> str:
    """Describe why there was no answer, by the last that the process said if it said anything."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it did not answer within {PATIENCE:g} s"
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        ended = f"its process {system.describe(error.returncode)}"
        return f"{ended} ({last[:LENGTH]})" if last else ended
    return "it answered nonsense"


def ask(name: str) -> None:
    """Print, as the last line, the names of the ops that a plug-in computes."""
    adapter = import_adapter(name)
    print(
        "\n" + json.dumps([op.name for op in OPS.everything() if adapter.computes(op)]), flush=True
    )
