"""The site's list of ops: what the registry knows of each, by kind, and what others call them.

It is made when `mkdocs` builds the site and is in no file: a new op is a block in one file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from gradcmp.case import DTYPES
from gradcmp.graph.aliases import TAKEN
from gradcmp.graph.calls import form
from gradcmp.measured.support import Support, read, reasons, signs
from gradcmp.ops import OPS, Op
from gradcmp.ops.conventions import Conventions, alike, points, stored

MEASURED = Path(__file__).resolve().parent / "assets" / "ops.json"
SUPPORT = "<!-- measured -->"
KINKS = "<!-- conventions -->"
PLACE = "<!-- ops -->"
ALIASES = "<!-- aliases -->"
MARKUP = {"<": "&lt;", ">": "&gt;", "|": "&#124;"} | {sign: f"\\{sign}" for sign in "\\*_[]"}


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the list where a page has a place for it."""
    if SUPPORT in markdown:
        markdown = markdown.replace(SUPPORT, "\n".join(measured(read(MEASURED))))
    markdown = markdown.replace(KINKS, "\n".join(kinks(stored())))
    markdown = markdown.replace(ALIASES, "\n".join(aliases()))
    return markdown.replace(PLACE, "\n".join(listed(OPS.everything())))


def aliases() -> Iterator[str]:
    """Return the lines of a table of ops and what other libraries call them."""
    yield from ("", "| op | elsewhere |", "|---|---|")
    for op in OPS:
        names = [f"`{name}`" for name, meant in TAKEN.items() if meant == op]
        if names:
            yield f"| `{op}` | {', '.join(names)} |"
    yield ""


def listed(ops: Iterable[Op]) -> Iterator[str]:
    """Return the lines of a table for each kind, in the order of the registry."""
    for kind, members in groupby(ops, kind_of):
        yield from ("", f"## {kind}", "")
        yield from ("| op | value | gradient |", "|---|---|---|")
        for op in members:
            yield f"| `{form(op)}` | {plain(op.summary)} | {plain(op.vjp) or 'none'} |"
    yield ""


def measured(found: Support) -> Iterator[str]:
    """Return what was measured of each op: a table, and the reasons of its holes."""
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    yield from ("", f"Measured with {versions}; in each cell {', '.join(DTYPES)}.", "")
    yield from (f"| op | {' | '.join(found.ways)} |", f"|---|{'---|' * len(found.ways)}")
    for op in OPS:
        row = found.ops.get(op, {})
        cells = (signs(row[way]) if way in row else "" for way in found.ways)
        yield f"| `{op}` | {' | '.join(cells)} |"
    yield ""
    for reason, places in reasons(found).items():
        yield f"- {plain(reason)}: {plain('; '.join(places))}"
    yield ""


def kinks(found: Conventions) -> Iterator[str]:
    """Return the lines of a table of points and what each framework answers there."""
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    yield from ("", f"Measured with {versions}.", "")
    yield from ("| point | call | answers | why |", "|---|---|---|---|")
    for op, kink in points(OPS.everything()):
        given = ", ".join(f"{name} = {list_of(x)}" for name, x in kink.inputs.items())
        answers = alike(found.answers(op, kink)).items()
        said = "<br>".join(f"{plain(answer)}: {', '.join(ways)}" for answer, ways in answers)
        call = f"`{kink.expression}`, {plain(given)}"
        yield f"| {op.name}, {plain(kink.name)} | {call} | {said} | {plain(kink.why)} |"
    yield ""


def list_of(x: object) -> object:
    """Return numbers in nested tuples as nested lists, as Python writes them."""
    return [list_of(one) for one in x] if isinstance(x, tuple) else x


def kind_of(op: Op) -> str:
    """Return what the ops of a file have in common: the first words of its docstring."""
    words = sys.modules[op.reference.__module__].__doc__ or op.reference.__module__
    return re.split(r"[.:]", words)[0]


def plain(text: str) -> str:
    """Return a text of a docstring in which nothing is markup but ``code``."""
    parts = re.split(r"``?(.+?)``?", text.rstrip("."))
    for i in range(0, len(parts), 2):
        parts[i] = "".join(MARKUP.get(sign, sign) for sign in parts[i])
    parts[1::2] = [f"`{code}`" for code in parts[1::2]]
    return "".join(parts)
