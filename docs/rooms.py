"""Draw the rooms of the package, floor above floor, as the linter's contract has them.

What a room is for is the first sentence of its docstring. ``python docs/rooms.py`` writes the
drawing anew; the test suite compares.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import tomllib

ROOT = Path(__file__).resolve().parent.parent
DRAWING = ROOT / "docs" / "assets" / "rooms.svg"
CONTRACT = "The arrows between the rooms point one way"
WIDTH, GAP, LEFT, PAD = 960, 12, 34, 12  # pixels
LINE, LETTER, CHIP = 17, 6.8, 22  # height of a line, width of a letter, height of a chip

# The boxes bring their own ground, so that the drawing stands on a light page and on a dark one.
STYLE = """
text { font: 12.5px system-ui, sans-serif; fill: #30384d }
.name { font: bold 14px ui-monospace, monospace; fill: #1a237e }
.chip { font: 11.5px ui-monospace, monospace; fill: #1a237e }
.room { fill: #eef1fb; stroke: #9fa8da }
.inner { fill: #dde3f8; stroke: none }
.arrow { stroke: #7d869c; stroke-width: 1.5; fill: none }
.note { fill: #7d869c }
"""


@dataclass(frozen=True)
class Room:
    """A folder or file of the package: its name, what it is for, the rooms inside of it."""

    name: str
    purpose: str
    inner: tuple[str, ...]

    @classmethod
    def of(cls, module: str) -> Room:
        """Read a room's docstring, without running its code."""
        path = ROOT.joinpath(*module.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        words = " ".join((ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split())
        inner = sorted(one.parent.name for one in path.glob("*/__init__.py"))
        return cls(path.name, re.split(r"(?<=\.)\s", words)[0].replace("`", ""), tuple(inner))


def floors(pyproject: str) -> list[list[Room]]:
    """Return the rooms of the contract, the uppermost floor first."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["name"] == CONTRACT)
    return [[Room.of(name.strip(" ()")) for name in re.split("[|:]", one)] for one in layers]


def drawing(pyproject: str) -> str:
    """Return the drawing as SVG."""
    shapes, y = [], GAP
    for floor in floors(pyproject):
        width = (WIDTH - LEFT - GAP * len(floor)) / len(floor)
        letters = int((width - 2 * PAD) / LETTER)
        texts = [textwrap.wrap(room.purpose, letters) for room in floor]
        chips = CHIP + 8 if any(room.inner for room in floor) else 0
        height = 2 * PAD + LINE * (1 + max(map(len, texts))) + chips
        for i, (room, lines) in enumerate(zip(floor, texts, strict=True)):
            x = LEFT + i * (width + GAP)
            shapes += _room(room, lines, (x, y, width, height))
        y += height + GAP
    arrow = f"M14 {GAP}V{y - GAP - 2}m-5-8 5 8 5-8"
    middle = y / 2
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" '
            'role="img" aria-label="The rooms of gradcmp, floor above floor">',
            f"<style>{STYLE}</style>",
            f'<path class="arrow" d="{arrow}"/>',
            f'<text class="note" transform="translate(28 {middle:.0f}) rotate(-90)" '
            'text-anchor="middle">imports point down</text>',
            *shapes,
            "</svg>\n",
        )
    )


def _room(room: Room, lines: list[str], box: tuple[float, float, float, float]) -> Iterator[str]:
    x, y, _, height = box
    yield _rectangle("room", *box)
    yield _text("name", x + PAD, y + PAD + 12, room.name)
    for number, line in enumerate(lines, 1):
        yield _text("", x + PAD, y + PAD + 12 + LINE * number, line)
    at, top = x + PAD, y + height - PAD - CHIP + 2
    for name in room.inner:
        long = 7.1 * len(name) + 14
        yield _rectangle("inner", at, top, long, CHIP)
        yield _text("chip", at + 7, top + 15, name)
        at += long + 6


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> str:
    size = f'width="{width:.1f}" height="{height:.1f}" rx="5"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size}/>'


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


if __name__ == "__main__":
    DRAWING.write_text(drawing((ROOT / "pyproject.toml").read_text("utf-8")), "utf-8")
