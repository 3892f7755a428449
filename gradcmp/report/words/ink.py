"""Text for a screen: what it may contain, and how numbers, places and names are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment
from rich.text import Text

from gradcmp.outside.printable import clean_lines, fitting

AGREE, DISAGREE, UNKNOWN, QUIET, STRONG = "green", "bold red", "yellow", "dim", "bold"

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
NAME = 20  # a longer word is a name, which may be folded; a number never is longer


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
        for number, line in enumerate(self.fold(text, self.width - indent - hang)):
            yield Text(" " * (indent + (hang if number else 0))).append_text(line)

    def fold(self, text: Text, width: int) -> list[Text]:
        """Break a text into lines of a width, between words where it can."""
        if text.cell_len <= width and "\n" not in text.plain:
            return [text]
        lines = list(text.wrap(self.console, max(width, 1), overflow="fold"))
        for line in lines:
            line.rstrip()
        return lines

    def narrower(self, by: int) -> Ink:
        """Return the ink for what is set in by some columns."""
        return replace(self, width=self.width - by)

    def grid(
        self,
        rows: Sequence[Sequence[Text]],
        indent: int = 0,
        gap: int = 2,
        right: Iterable[int] = (),
    ) -> Iterator[Text]:
        """Lay cells out in columns; a cell wider than its share is folded, never cut.

        Parameters
        ----------
        right : iterable of int
            The columns that are aligned to the right.
        """
        if not rows:
            return
        widths = share_out(rows, self.width - indent - gap * (len(rows[0]) - 1))
        right = set(right)
        for row in rows:
            cells = [self.fold(cell, width) for cell, width in zip(row, widths, strict=True)]
            for number in range(max(map(len, cells))):
                line = Text(" " * indent)
                for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
                    part = cell[number] if number < len(cell) else Text()
                    space = " " * (width - part.cell_len)
                    line.append(space if column in right else "").append_text(part)
                    line.append((space if column not in right else "") + " " * gap)
                line.rstrip()
                yield line


def flow(ink: Ink, blocks: Iterable[Sequence[Text]], gap: int = 4) -> Iterator[Text]:
    """Set blocks of lines beside each other as long as they fit, then below each other."""
    row: list[Sequence[Text]] = []
    for block in blocks:
        if row and sum(map(block_width, [*row, block])) + gap * len(row) > ink.width:
            yield from beside(row, gap)
            row = []
        row.append(block)
    yield from beside(row, gap)


def beside(blocks: Sequence[Sequence[Text]], gap: int) -> Iterator[Text]:
    """Set blocks of lines beside each other, after an empty line."""
    widths = [block_width(block) for block in blocks]
    for number in range(-1, max(map(len, blocks), default=-1)):
        line = Text()
        start = 0
        for block, width in zip(blocks, widths, strict=True):
            if 0 <= number < len(block):
                line.append(" " * (start - line.cell_len)).append_text(block[number])
            start += width + gap
        yield line


def block_width(block: Sequence[Text]) -> int:
    """Return the screen width of a block of lines."""
    return max((line.cell_len for line in block), default=0)


def share_out(rows: Sequence[Sequence[Text]], room: int) -> list[int]:
    """Return each column its width: the widest shrink first, down to their words, then below.

    So sentences are folded before names and names before numbers.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(cell_width, column)) for column in columns]
    words = [
        min(
            max((cell_len(word) for cell in column for word in cell.plain.split()), default=1), NAME
        )
        for column in columns
    ]
    for least in (words, [1] * len(words)):
        while sum(widths) > room:
            loose = [i for i, width in enumerate(widths) if width > least[i]]
            if not loose:
                break
            widths[max(loose, key=lambda i: widths[i])] -= 1
    return widths


def cell_width(cell: Text) -> int:
    """Return the screen width of a cell, which may have several lines."""
    return max((line.cell_len for line in cell.split()), default=0)
