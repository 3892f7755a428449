"""The manual, built as a site."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent


def build(config: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a config, strictly: a warning fails."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", place],
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def pages() -> dict[str, str]:
    """Return the text of every page of the manual's site by its address, built once."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        done = build(ROOT / "mkdocs.yml", place)
        assert done.returncode == 0, done.stderr
        return {
            path.relative_to(place).as_posix().removesuffix("index.html"): path.read_text("utf-8")
            for path in place.rglob("*.html")
        }
