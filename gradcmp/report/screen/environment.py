"""A table of what differs between saved recordings beside their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.report.answer.environment import Row, differences, is_saved
from gradcmp.report.words.figures import count
from gradcmp.report.words.ink import QUIET, STRONG, Ink


@dataclass(frozen=True)
class Differences:
    """What differs between the two sides of each pair of saved recordings; a rich renderable.

    Pairs that differ in the same way share a table. Recordings of one run share their case and
    are meant to differ in the rest: nothing is said of them.
    """

    verdicts: Sequence[CaseVerdict]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines, none of them wider than the console."""
        ink = Ink.on(console, options)
        found: dict[tuple[Row, ...], dict[Pair, int]] = {}
        for verdict in self.verdicts:
            for pair in verdict.comparisons:
                sides = (verdict.recordings[pair.actual], verdict.recordings[pair.expected])
                if all(map(is_saved, sides)):
                    pairs = found.setdefault(tuple(differences(*sides)), {})
                    pairs[pair] = pairs.get(pair, 0) + 1
        for rows, pairs in found.items():
            if rows:
                for pair, times in pairs.items():
                    yield from table(ink, pair, rows, times)
            else:
                names = ", ".join(map(str, pairs))
                yield from ink.wrap(ink(f"{names}: recorded in the same environment", QUIET), 0, 2)
            yield Text()


def table(ink: Ink, pair: Pair, rows: Sequence[Row], times: int) -> Iterator[RenderableType]:
    """Draw what differs in one pair of sides."""
    cases = f" ({count(times, 'case')})" if times > 1 else ""
    yield from ink.wrap(ink(f"what differs beside the numbers{cases}", QUIET))
    heads = [ink(""), ink(pair.actual, STRONG), ink(pair.expected, STRONG)]
    yield from ink.grid([heads, *([ink(cell) for cell in row] for row in rows)])
