"""Fake interpreters, cases for them, and a look at what is left running."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import liar
import pytest

from gradcmp.workers import Pool


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return the function that makes an interpreter with a fault."""
    folder = tmp_path_factory.mktemp("interpreters")

    def make(fault: str) -> str:
        script = folder / fault
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {liar.__file__} {fault} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IEXEC)
        return str(script)

    return make


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool() as pool:
        yield pool


@pytest.fixture(scope="session")
def running() -> Callable[[str], list[str]]:
    """Return the function that lists the command lines of processes that name a word."""
    return lines_with


def lines_with(word: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it went this instant; a zombie has no line
        if word in line:
            found.append(line)
    return found
