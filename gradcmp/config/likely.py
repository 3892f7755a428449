"""A guess at the backends that configs ask for, made before they are read.

A framework takes seconds to import and a config a quarter of one to read: so the frameworks begin
first. A wrong guess costs a process that is ended again; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gradcmp.backends.registry import BUILT_IN, import_rank
from gradcmp.case import REFERENCE
from gradcmp.config.files import seed_text
from gradcmp.outside.files import is_special

GLANCE = 1 << 16  # bytes: backends are written near the top or near the end of small files


def likely_backends(paths: Iterable[str], chosen: Iterable[str]) -> tuple[str, ...]:
    """Name the backends that the command line chose, else those that the configs mention.

    Parameters
    ----------
    paths : iterable of str
        Config files and directories; none is the built-in case.
    chosen : iterable of str
        As after ``--backend``: ``torch,dtype=float32``.
    """
    texts = list(chosen) or [_glance(Path(path)) for path in paths] or [seed_text()]
    found = [name for name in BUILT_IN if any(name in text for text in texts)]
    return tuple(sorted({*found, REFERENCE}, key=import_rank)) if found else ()


def _glance(path: Path) -> str:
    if is_special(path):  # what is read from a pipe is gone
        return ""
    try:
        with path.open("rb") as stream:
            return stream.read(GLANCE).decode("utf-8", "replace")
    except OSError:  # a directory, or a mistake that the reader will report
        return ""
