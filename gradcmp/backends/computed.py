"""Which ops a backend computes, asked without taking a stranger's code into this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from gradcmp.backends.registry import BUILT_IN, import_adapter
from gradcmp.ops import OPS

PATIENCE = 10.0  # seconds for a plug-in's code to be imported
# Nothing of the current directory is imported.
ASK = """
import sys
sys.path[:] = [place for place in sys.path if place]
from gradcmp.backends.computed import ask
ask(sys.argv[1])
"""


def computed_ops(name: str) -> frozenset[str]:
    """Return the names of the ops that a backend computes; none for a plug-in that is broken.

    A plug-in's code is imported in a process of its own: if it crashes, exits or hangs, it
    computes nothing.
    """
    if name in BUILT_IN:
        adapter = import_adapter(name)
        return frozenset(op.name for op in OPS.values() if adapter.computes(op))
    try:
        done = subprocess.run(
            [sys.executable, "-c", ASK, name],
            env={**os.environ, "PYTHONSAFEPATH": "1"},  # for what it starts in turn
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        return frozenset(json.loads(done.stdout.splitlines()[-1]))
    except (subprocess.SubprocessError, OSError, ValueError, IndexError, TypeError):
        return frozenset()


def ask(name: str) -> None:
    """Print, as the last line, the names of the ops that a plug-in computes."""
    adapter = import_adapter(name)
    print("\n" + json.dumps([op.name for op in OPS.values() if adapter.computes(op)]), flush=True)
