"""Run the commands of the manual and put what they print below them.

Every line ``$ gradcmp …`` of a console block is run as it stands; the lines after it are what it
printed. ``python docs/screens.py`` writes them anew; the test suite runs them and compares.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.S | re.M)
PROMPT = "$ "
COLUMNS = "100"


def screen(command: str) -> str:
    """Return what a command prints to a pipe 100 columns wide, standard error last."""
    done = subprocess.run(
        shlex.split(command),
        cwd=ROOT,
        env={**os.environ, "COLUMNS": COLUMNS, "PATH": _path()},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (done.stdout + done.stderr).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def commands(page: Path) -> Iterator[tuple[str, str]]:
    """Return the commands of a page, each with what the page says it prints."""
    for block in BLOCK.findall(page.read_text("utf-8")):
        for part in re.split(rf"^{re.escape(PROMPT)}", block, flags=re.M)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed


def refresh(page: Path) -> None:
    """Write what the commands of a page print now."""

    def renew(match: re.Match[str]) -> str:
        lines = [line for line in match.group().splitlines() if line.startswith(PROMPT)]
        return "".join(f"{line}\n{screen(line.removeprefix(PROMPT))}" for line in lines)

    page.write_text(BLOCK.sub(renew, page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    for one in PAGES:
        refresh(one)
