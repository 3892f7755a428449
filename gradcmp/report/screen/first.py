"""The answer, drawn: the first lines of a case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.text import Text

from gradcmp.report.answer.records import GAP, REPRODUCE, Answer, Line
from gradcmp.report.words.ink import QUIET, STRONG, Ink
from gradcmp.report.words.judgement import STYLES

INDENT = 2
LABEL = 20  # columns up to the parts of a line: the longest label, and a gap
CONTINUED = " \\"  # at the end of a line, to a shell
DIFFERS = "bold underline"  # of digits that differ, where a terminal has colours
MORE = "more: -v, --report o.html"


def first(ink: Ink, answer: Answer, more: bool) -> Iterator[Text]:
    """Draw an answer.

    Parameters
    ----------
    more : bool
        Whether to say how to see more: where the options of the command line are at hand.
    """
    sign, style = STYLES[answer.level]
    head = Text.assemble(ink(f"{sign} ", style), ink(f"{answer.name}: ", STRONG))
    yield from ink.wrap(head.append_text(ink(answer.title, style)), hang=2)
    explained = f"{MORE}, gradcmp explain {answer.code}" if answer.code else MORE
    yield from drawn_lines(ink, answer.lines, explained if more else "")


def drawn_lines(ink: Ink, lines: Iterable[Line], more: str = "") -> Iterator[Text]:
    """Draw lines below a title, and how to see more."""
    for line in lines:
        parts = [
            (part.before, piece(ink, part.text, part.marks, part.level)) for part in line.parts
        ]
        if line.label == REPRODUCE:
            told = ink("\n".join(continued(line.parts[0].text, ink.width - LABEL)))
            parts = [(GAP, told), *([(GAP, ink(more, QUIET))] if more else [])]
        label = ink(f"{' ' * INDENT}{line.label}" if line.label else "", QUIET)
        yield from ink.row(label, LABEL if line.label else INDENT, parts)


def continued(command: str, room: int) -> list[str]:
    """Break a command for a shell between words, so that it can still be copied."""
    lines = [""]
    for word in command.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) + len(CONTINUED) + 1 > room:
            lines[-1] += CONTINUED
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines if len(command) > room else [command]


def piece(ink: Ink, text: str, marks: Iterable[tuple[int, int]], level: str) -> Text:
    """Write one part, its digits marked; red is a side that is wrong, and nothing else."""
    written = ink(text, STYLES["disagree"][1] if level == "disagree" else "")
    for start, end in marks:
        written.stylize(DIFFERS, start, end)
    return written
