"""One page that a colleague can open: self-contained, offline, nothing in it but what is said here.

The libraries that draw are part of the file; its content security policy lets no request leave it
and runs no script but those, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import jinja2

from gradcmp.judge.verdict import CaseVerdict
from gradcmp.outside.printable import clean
from gradcmp.report.answer.build import answer
from gradcmp.report.answer.records import Answer
from gradcmp.report.json import strict
from gradcmp.report.page.answers import told
from gradcmp.report.page.facts import compact, of_case
from gradcmp.report.page.matrix import Row, columns, row
from gradcmp.report.screen.heatmap import LEVELS
from gradcmp.report.words.sentence import MARKS, Tally
from gradcmp.version import VERSION

ROOM = 6_500_000  # bytes for the facts of all cases: what stands around them stays below 3 MB
ORDER = "duwa"  # what does not agree comes first
ANSWERS, NAMED = 3, 20  # cases that are answered in full under the big word; of others, the title
WEIGHTS = {"d": 8, "u": 4, "w": 4, "a": 1}  # how the room is shared out by a case's verdict
VENDOR = ("vendor/d3.min.js", "vendor/d3-dag.min.js")
OWN = ("elements", "plots", "heatmap", "tensors", "backends", "case", "page")
SCRIPTS = (*VENDOR, *(f"{name}.js" for name in OWN))


@dataclass(frozen=True)
class Entry:
    """A case of the page.

    Attributes
    ----------
    number : int
        Where it stood in the run: its id.
    """

    number: int
    verdict: CaseVerdict
    row: Row
    answer: Answer

    @property
    def answered(self) -> dict[str, Any]:
        """What is said of it under the big word."""
        return told(self.answer)


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Return the page as HTML text."""
    labels = columns(verdicts)
    entries = [
        Entry(number, verdict, row(verdict, labels), answer(verdict))
        for number, verdict in enumerate(verdicts)
    ]
    entries.sort(key=lambda entry: ORDER.index(entry.row.letter))  # stable
    tally = Tally.of(verdicts)
    failed = [entry for entry in entries if not entry.verdict.agrees]
    scripts, style = [asset(name) for name in SCRIPTS], asset("page.css")
    return template().render(
        version=VERSION,
        tally=tally,
        mark=MARKS[tally.exit_code],
        warned=sum(entry.row.letter == "w" for entry in entries),
        labels=labels,
        letters={cell.letter for entry in entries for cell in entry.row.cells},
        entries=entries,
        answers=(entries if len(entries) == 1 else failed)[:ANSWERS],
        named=failed[ANSWERS:][:NAMED],
        unnamed=len(failed[ANSWERS:][NAMED:]),
        passes=sum(entry.row.letter == "a" for entry in entries),
        facts=list(all_facts(entries)),
        levels=embedded(
            compact(strict([[level.most, level.sign, level.meaning] for level in LEVELS]))
        ),
        style=style,
        scripts=scripts,
        style_hash=digest(style),
        script_hashes=[digest(script) for script in scripts],
    )


def all_facts(entries: Sequence[Entry]) -> Iterator[str]:
    """Return the facts of each case as JSON; what one leaves of its room, the next ones have."""
    room, weight = ROOM, sum(WEIGHTS[entry.row.letter] for entry in entries)
    for entry in entries:
        mine = WEIGHTS[entry.row.letter]
        facts = compact(of_case(entry.verdict, room * mine // weight, entry.answer))
        room -= len(facts)
        weight -= mine
        yield embedded(facts)


def embedded(facts: str) -> str:
    """Write JSON so that nothing in it ends the script that holds it, or begins another."""
    for sign in "<>&":
        facts = facts.replace(sign, f"\\u{ord(sign):04x}")
    return facts


@cache
def asset(name: str) -> str:
    """Return the text of a file of the page."""
    return resources.files("gradcmp.report.page").joinpath(name).read_text("utf-8")


def digest(text: str) -> str:
    """Return the hash by which a content security policy knows an inline script or style."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def template() -> jinja2.Template:
    """Return the template; whatever is put into it is escaped, and control characters spelt out."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda shown: clean(shown) if type(shown) is str else shown,
    )
    return environment.from_string(asset("page.html.j2"))
