"""What an answer consists of: lines of parts, with what is to be marked in them."""

from __future__ import annotations

from dataclasses import dataclass

from gradcmp.report.codes import code
from gradcmp.report.words.faults import Fault
from gradcmp.report.words.judgement import Level

GAP, BAR = "   ", " | "  # between the parts of a line, between groups
REPRODUCE = "reproduce"  # the label of the line with the command that runs a case again


@dataclass(frozen=True)
class Part:
    """A piece of a line that is not broken.

    Attributes
    ----------
    marks : tuple of (int, int)
        From where to where its text is to be marked: digits that differ.
    level : Level
        ``disagree`` for a side that is known to be wrong; nobody else is red.
    before : str
        What stands between it and the part before it.
    """

    text: str
    marks: tuple[tuple[int, int], ...] = ()
    level: Level = "plain"
    before: str = GAP


@dataclass(frozen=True)
class Line:
    """One line of an answer.

    Attributes
    ----------
    label : str
        What it is about, as ``worst [4,2]``; may be empty.
    """

    label: str
    parts: tuple[Part, ...]

    @property
    def said(self) -> str:
        """What it says, without its label and marks."""
        return "".join(f"{one.before}{one.text}" for one in self.parts).strip()

    @property
    def text(self) -> str:
        """The line without marks."""
        return f"{self.label}{GAP}{self.said}" if self.label else self.said


@dataclass(frozen=True)
class Answer:
    """What is said of a case before everything else.

    Attributes
    ----------
    level : Level
    name : str
        The case.
    title : str
        Who is wrong, and in what; or that all agree.
    lines : tuple of Line
        The cause, the first divergence, the worst element, what else there is, how to run it
        again.
    faults : tuple of Fault
        What it is about, the first one first.
    """

    level: Level
    name: str
    title: str
    lines: tuple[Line, ...]
    faults: tuple[Fault, ...]

    @property
    def code(self) -> str:
        """The code of the first fault's verdict, as ``gradcmp explain`` takes it; may be empty."""
        return code(self.faults[0].comparison.verdict.reason) if self.faults else ""

    @property
    def text(self) -> str:
        """The answer as plain text, a line each."""
        head = f"{self.name}: {self.title}"
        return "\n".join([head, *(f"  {line.text}" for line in self.lines)])
