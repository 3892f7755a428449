"""Markdown for a comment on a pull request or the summary of a job: a table, details folded.

Whatever comes from a config or a framework stands in code, where neither Markdown nor HTML, no
mention and no link is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape

from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.outside.printable import clean
from gradcmp.report.screen.plain import Screen
from gradcmp.report.words.figures import count
from gradcmp.report.words.sentence import MARKS, Tally, brief
from gradcmp.report.words.weak import listed

ROWS = 50  # cases of a table
WEAK_ROWS = 20  # their cells are long
DRAWN = 5  # cases that do not agree and are drawn
CELL = 200  # characters
TALL = 5_000  # characters of a drawing: with all of them GitHub's 65 536 for a comment suffice


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Return the report as GitHub's Markdown, short enough for a comment.

    What does not agree, or does as expected, comes first, in a table and then drawn; what agrees
    and what is weak are folded. What has no room is counted.
    """
    tally, screen = Tally.of(verdicts), Screen()
    told = [one for one in verdicts if one.exit_code is not ExitCode.AGREE or one.known]
    rest = [one for one in verdicts if one.exit_code is ExitCode.AGREE and not one.known]
    weak, agree = [one for one in rest if one.weak], [one for one in rest if not one.weak]
    parts = [f"### {MARKS[tally.exit_code].sign} gradcmp: {tally}", *table(told)]
    for verdict in told[:DRAWN]:
        parts += folded(
            f"<code>{escape(cell(verdict.case.name))}</code>", [block(screen.of_case(verdict))]
        )
    if weak:
        title = f"agree by weak checks: {count(len(weak), 'case')}"
        parts += folded(title, list(table(weak, listed, WEAK_ROWS)))
    if agree:
        parts += folded(f"agree: {count(len(agree), 'case')}", list(table(agree)))
    return "\n\n".join(parts) + "\n"


def table(
    verdicts: Sequence[CaseVerdict],
    told: Callable[[CaseVerdict], str] = brief,
    rows: int = ROWS,
) -> Iterator[str]:
    """Write a row for each case, and how many more there are."""
    if not verdicts:
        return
    lines = ["| verdict | case | where | in short |", "|---|---|---|---|"]
    for verdict in verdicts[:rows]:
        mark = MARKS[verdict.exit_code]
        texts = (verdict.case.name, str(verdict.case.where or ""), told(verdict))
        lines.append(" | ".join(("| " + f"{mark.sign} {mark.word}", *map(span, texts))) + " |")
    yield "\n".join(lines)
    if len(verdicts) > rows:
        yield f"and {count(len(verdicts) - rows, 'case')} more"


def folded(summary: str, parts: Sequence[str]) -> list[str]:
    """Put parts behind a summary that opens them."""
    return [f"<details><summary>{summary}</summary>", *parts, "</details>"]


def cell(text: str) -> str:
    """Return a text on one line and not too long."""
    text = clean(" ".join(text.split()))
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


def span(text: str) -> str:
    """Write a code span in a cell: a pipe ends a cell even in code, unless escaped.

    One behind a backslash cannot be: to GitHub that would be an escaped backslash and a pipe.
    """
    text = cell(text).replace(r"\|", r"\x7c").replace("|", r"\|")
    if not text:
        return ""
    fence = "`" * (longest(text) + 1)
    return f"{fence} {text} {fence}"


def block(text: str) -> str:
    """Write a code block, cut when it is too long."""
    text = text if len(text) <= TALL else f"{text[:TALL].rpartition(chr(10))[0]}\n…"
    fence = "`" * max(3, longest(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def longest(text: str) -> int:
    """Return the length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)
