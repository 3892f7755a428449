"""The README's picture: a caught bug, in a terminal's colours.

``python docs/picture.py`` runs the command and draws what it prints; the test suite compares the
words. Nothing in it points elsewhere, and no font is fetched.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "docs" / "assets" / "caught.svg"
COMMAND = (
    "gradcmp call docs/examples/kernels.py:FusedRMSNorm.apply "
    "--against docs/examples/kernels.py:rms_norm -i x=normal:16x64 -i w=ones:64 --color always"
)
COLUMNS, LINES = 92, 9
ELSEWHERE = re.compile(r"@font-face \{.*?\}\n?|<!--.*?-->\n *", re.S)  # fonts, and an advert


def drawn() -> str:
    """Return the picture."""
    lines = printed().splitlines()[:LINES]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    shown = COMMAND.removesuffix(" --color always").replace(" --against", " \\\n    --against")
    console.print(Text.assemble(("$ ", "dim"), shown.replace(" -i x", " \\\n    -i x")))
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    svg = console.export_svg(title="gradcmp", theme=MONOKAI, unique_id="caught")
    return re.sub(r"[ \t]+$", "", ELSEWHERE.sub("", svg), flags=re.M)


def printed() -> str:
    """Return what the command prints to a terminal."""
    done = subprocess.run(
        shlex.split(COMMAND),
        cwd=ROOT,
        env={
            **os.environ,
            "COLUMNS": str(COLUMNS),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return done.stdout


def words(svg: str) -> list[str]:
    """Return the text of a picture, line by line."""
    return [re.sub("<.*?>", "", line) for line in re.findall(r"<text .*?</text>", svg, re.S)]


if __name__ == "__main__":
    PLACE.write_text(drawn(), "utf-8")
