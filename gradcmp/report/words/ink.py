"""Text for a screen: what it may contain, hanging lines; tables are those of rich."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.console import (
    Console,
    ConsoleOptions,
    ConsoleRenderable,
    RenderableType,
    RenderHook,
    RenderResult,
)
from rich.measure import Measurement
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from gradcmp.outside.printable import clean_lines, fitting

AGREE, DISAGREE, UNKNOWN, QUIET, STRONG = "green", "bold red", "yellow", "dim", "bold"

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
GAP = 2  # columns between those of a table


def tail(text: str, lines: int) -> list[str]:
    """Return the last lines of what a program wrote, without its colours and cursor movements."""
    return [line.expandtabs() for line in ANSI.sub("", text).splitlines() if line.strip()][-lines:]


class Spelt(RenderHook):
    """Has a console spell out the control characters that are left in a text when it is drawn."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Wrap all that is drawn."""
        return [_Drawn(one) for one in renderables]


@dataclass(frozen=True)
class _Drawn:
    whole: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in console.render(self.whole, options):
            yield part if part.control else Segment(clean_lines(part.text), part.style)


@dataclass(frozen=True)
class Ink:
    """Makes every `Text` of the screen, so that no name is ever read as markup or control.

    Where the encoding of the screen lacks ✓ and the like, they become ``ok``, ``NO``, ``x``.
    """

    console: Console
    width: int

    @classmethod
    def on(cls, console: Console, options: ConsoleOptions) -> Ink:
        """Make the ink for one rendering."""
        return cls(console, options.max_width)

    def __call__(self, text: str, style: str = "") -> Text:
        """Write `text`; newlines stay, other control characters are spelt out."""
        text = clean_lines(text)
        if not text.isascii():
            text = fitting(text, self.console.encoding)
        return Text(text, style=style)

    def wrap(self, text: Text, indent: int = 0, hang: int = 0) -> Iterator[Text]:
        """Return the lines of a text that fit the screen; later lines hang in by `hang` more."""
        for number, line in enumerate(self._fold(text, self.width - indent - hang)):
            yield Text(" " * (indent + (hang if number else 0))).append_text(line)

    def _fold(self, text: Text, width: int) -> list[Text]:
        """Break a text into lines of a width, between words where it can."""
        if text.cell_len <= width and "\n" not in text.plain:
            return [text]
        lines = list(text.wrap(self.console, max(width, 1), overflow="fold"))
        for line in lines:
            line.rstrip()
        return lines

    def row(self, label: Text, start: int, parts: Sequence[tuple[str, Text]]) -> Iterator[Text]:
        """Set parts beside each other behind a label, each with what stands before it.

        A part that does not fit begins a line of its own, below the first one.
        """
        start = min(start, self.width // 3)
        room = self.width - start
        lines = [Text()]
        for before, part in parts:
            space = before if lines[-1] else ""
            if lines[-1] and lines[-1].cell_len + len(space) + part.cell_len > room:
                lines.append(Text())
                space = ""
            lines[-1].append(space).append_text(part)
        folded = [short for line in lines for short in self._fold(line, room)]
        if label and label.cell_len >= start:
            yield from self.wrap(label)
        else:
            yield Text.assemble(label, " " * (start - label.cell_len), folded.pop(0))
        for line in folded:
            yield Text(" " * start).append_text(line)

    def narrower(self, by: int) -> Ink:
        """Return the ink for what is set in by some columns."""
        return replace(self, width=self.width - by)

    def grid(
        self, rows: Sequence[Sequence[Text]], indent: int = 0, right: Iterable[int] = ()
    ) -> Iterator[RenderableType]:
        """Lay cells out in columns; a cell wider than its share is folded, never cut.

        Parameters
        ----------
        right : iterable of int
            The columns that are aligned to the right.
        """
        if not rows:
            return
        right = {*right}
        table = Table.grid(padding=(0, GAP, 0, 0))
        for number in range(len(rows[0])):
            table.add_column(justify="right" if number in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        yield Trimmed(Padding(table, (0, 0, 0, indent), expand=False))


@dataclass(frozen=True)
class Trimmed:
    """What rich draws, without the spaces that it fills lines with."""

    whole: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines."""
        for line in console.render_lines(self.whole, options, pad=False):
            yield from trimmed(line)
            yield Segment.line()

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.whole)


def trimmed(line: Sequence[Segment]) -> list[Segment]:
    """Return a line without the spaces at its end; what has a background stays."""
    kept = list(line)
    while kept and not (kept[-1].style and kept[-1].style.bgcolor):
        text = kept[-1].text.rstrip(" ")
        if text:
            kept[-1] = Segment(text, kept[-1].style)
            break
        kept.pop()
    return kept
