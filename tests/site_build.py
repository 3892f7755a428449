"""The manual, built as a site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def build(config: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a config, strictly: a warning fails."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", place],
        capture_output=True,
        text=True,
        check=False,
    )


def pages(place: Path) -> dict[str, str]:
    """Return the text of every page below a folder, by its address."""
    return {
        path.relative_to(place).as_posix().removesuffix("index.html"): path.read_text("utf-8")
        for path in place.rglob("*.html")
    }
