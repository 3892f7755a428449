"""The answer of a case as data of the page: lines of parts, in pieces that are marked or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradcmp.report.answer.records import REPRODUCE, Answer, Line, Part


def told(answer: Answer) -> dict[str, Any]:
    """Return the title and the lines, as template and script draw them."""
    return {"title": answer.title, "lines": [drawn(line) for line in answer.lines]}


def drawn(line: Line) -> dict[str, Any]:
    """Return a line: what it is about, its parts, and whether it is a command."""
    return {
        "label": line.label,
        "command": line.label == REPRODUCE,
        "parts": [
            {
                "before": part.before if number else "",
                "wrong": part.level == "disagree",
                "pieces": list(pieces(part)),
            }
            for number, part in enumerate(line.parts)
        ],
    }


def pieces(part: Part) -> Iterator[tuple[str, bool]]:
    """Yield the text of a part, cut where its marks begin and end."""
    done = 0
    for start, end in part.marks:
        if done < start:
            yield part.text[done:start], False
        yield part.text[start:end], True
        done = end
    if done < len(part.text):
        yield part.text[done:], False
