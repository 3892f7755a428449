"""Small arrays drawn whole: every element's difference in units of its own allowance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.text import Text

from gradcmp.judge.comparison import SMALL, Comparison
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Array
from gradcmp.report.words.ink import QUIET, Ink


@dataclass(frozen=True)
class Level:
    """One step of the scale: up to `most` times the allowance, drawn as `sign` in `style`."""

    most: float
    sign: str
    meaning: str
    style: str


LEVELS = (
    Level(0, "⋅", "0", "dim"),
    Level(1, "+", "up to 1", "black on green"),
    Level(10, "x", "up to 10", "black on yellow"),
    Level(1000, "%", "up to 1000", "black on dark_orange"),
    Level(math.inf, "#", "more", "bold white on red"),
)


def level(excess: float) -> Level:
    """Return the step of the scale for one element; what is not a number is at its end."""
    return next((level for level in LEVELS if excess <= level.most), LEVELS[-1])


def drawable(comparison: Comparison) -> bool:
    """Return whether the array is small enough to be drawn whole."""
    excess = comparison.excess
    if excess is None or excess.ndim > 2 or not excess.size:
        return False
    return max(excess.shape, default=1) <= SMALL


def pictures(ink: Ink, wrong: Sequence[tuple[Pair, Comparison]]) -> Iterator[list[Text]]:
    """Draw small arrays, and pairs that look the same only once."""
    alike: dict[tuple[object, ...], list[tuple[Pair, Array]]] = {}
    for pair, comparison in wrong:
        if comparison.excess is not None and drawable(comparison):
            look = tuple(level(float(element)).sign for element in comparison.excess.flat)
            key = (comparison.excess.shape, look)
            alike.setdefault(key, []).append((pair, comparison.excess))
    for group in alike.values():
        pair, excess = group[0]
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        yield [
            *ink.wrap(ink(f"{pair}{more}", QUIET), 0, 2),
            *picture(ink, np.atleast_2d(excess)),
        ]


def picture(ink: Ink, excess: Array) -> Iterator[Text]:
    """Draw one array, a row a line, under the numbers of its columns."""
    yield ink("   " + "".join(f" {column} " for column in range(excess.shape[1])), QUIET)
    for number, row in enumerate(excess):
        steps = [level(float(element)) for element in row]
        cells = [ink(f" {step.sign} ", step.style) for step in steps]
        yield Text.assemble(ink(f" {number} ", QUIET), *cells)


def legend(ink: Ink) -> Iterator[Text]:
    """Explain the signs."""
    parts = [ink("× what is allowed:", QUIET)]
    for step in LEVELS:
        parts += [ink("  "), ink(f" {step.sign} ", step.style), ink(f" {step.meaning}", QUIET)]
    yield from ink.wrap(Text.assemble(*parts), hang=2)
