"""The same surroundings for every run of the suite, however it was started.

A shell, an editor, a CI job or a background job each hand down variables, signals, a umask and
a directory, and the commands that tests start inherit them.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

REQUIRED = os.environ.get("GRADCMP_REQUIRE", "").split(",")  # absent is then a failure
ROOT = Path(__file__).resolve().parent.parent
SET = {"LC_ALL": "C.UTF-8", "TERM": "xterm", "TZ": "UTC"}
# What gradcmp, click, rich, Python or a CI service read; our own switches of the suite stay.
UNSET = re.compile(
    r"(?!GRADCMP_REQUIRE$|GRADCMP_EXAMPLES$|GRADCMP_SARIF_SCHEMA$|PYTHONDONTWRITEBYTECODE$)"
    r"(_?GRADCMP_|PYTHON|LC_|GITHUB_|GITLAB_|CI_|JUPYTER_|TTY_|CLICOLOR)\w*"
    r"|CI|LANG|LANGUAGE|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|COLORTERM|PAGER|EDITOR|VISUAL"
)
# Ignored, they stay ignored in every child: a shell without job control ignores SIGINT and
# SIGQUIT in its background jobs, nohup ignores SIGHUP.
SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)  # Windows has two of them
]


@contextmanager
def neutral(home: Path) -> Iterator[None]:
    """Make variables, signals, umask and directory neutral, and put them back afterwards.

    Parameters
    ----------
    home : path
        The home directory where the surroundings name none.
    """
    variables, umask, here = dict(os.environ), os.umask(0o022), Path.cwd()
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    blocked = _mask([])
    for name in [name for name in os.environ if UNSET.fullmatch(name)]:
        del os.environ[name]
    os.environ.update(SET)
    os.environ.setdefault("HOME", str(home))
    _reset_zone()
    for number, handler in handlers.items():
        if handler == signal.SIG_IGN:
            ours = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, ours)
    os.chdir(ROOT)
    try:
        yield
    finally:
        os.chdir(here)
        for number, handler in handlers.items():
            if handler == signal.SIG_IGN:
                signal.signal(number, handler)
        _mask(blocked)
        os.environ.clear()
        os.environ.update(variables)
        _reset_zone()
        os.umask(umask)


def _mask(blocked: object) -> object:
    """Block just these signals, and return those that were blocked; Windows has no such mask."""
    if not hasattr(signal, "pthread_sigmask"):
        return blocked
    return signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _reset_zone() -> None:
    if hasattr(time, "tzset"):  # not on Windows
        time.tzset()


def framework(name: str) -> Any:
    """Import a framework; where it is missing and not required, skip the file of tests."""
    return import_module(name) if name in REQUIRED else pytest.importorskip(name)
