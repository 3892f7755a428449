"""All statistics of many small pairs of arrays at once, by the definition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gradcmp.judge.definition import Difference, differ
from gradcmp.judge.records import Element
from gradcmp.judge.strip import Float, Index, Strip
from gradcmp.judge.tally import OCTAVES, Tally
from gradcmp.judge.tolerance import Rule
from gradcmp.recording import Array


@dataclass(frozen=True)
class Laid:
    """One pair of arrays that was held together on a strip.

    Attributes
    ----------
    worst : Element
        The one that `tally` counts in the array laid flat.
    excess : array
        Of every element.
    """

    tally: Tally
    worst: Element
    excess: Float


def hold_laid(strip: Strip, actual: Float, expected: Float, rule: Rule) -> Iterator[Laid]:
    """Hold together what lies on a strip; give each array by itself."""
    difference = differ(actual, expected, rule)
    excess = difference.excess
    unmatched = difference.ulp == np.inf  # two finite numbers are a finite number of steps apart
    key = (unmatched, excess, difference.absolute)
    where = _worst(strip, key)
    elements = _elements(strip, where, actual, expected, difference)
    counted = _count(strip, actual, expected, difference, unmatched)
    rows = zip(*(column.tolist() for column in counted.values()), strict=True)
    keys = zip(*(part[where].tolist() for part in key), strict=True)
    for row, place, one, worst, parts in zip(
        rows, (where - strip.starts).tolist(), keys, elements, strip.cut(excess), strict=True
    ):
        found = dict(zip(counted, row, strict=True))
        # No octave beyond that of the largest distance has any.
        octaves = found.pop("octaves")[: int(found["max_ulp"]).bit_length() + 1]
        yield Laid(Tally(worst=place, key=one, octaves=octaves, **found), worst, parts)


def _worst(strip: Strip, key: tuple[Array, ...]) -> Index:
    """Give the flat index of each array's element of the highest key, the first of equals."""
    best = np.ones(len(key[0]), np.bool_)
    for part in key:
        if part.any() and np.count_nonzero(best) > len(strip):
            best &= part == strip.spread(strip.largest(np.where(best, part, -1)))
    return strip.first(best)


def _elements(
    strip: Strip, where: Index, actual: Float, expected: Float, difference: Difference
) -> list[Element]:
    """Give the elements at flat indices, one of each array."""
    columns = (
        actual,
        expected,
        difference.absolute,
        difference.relative,
        difference.ulp,
        difference.allowed,
    )
    rows = zip(*(column[where].tolist() for column in columns), strict=True)
    places = (strip.index(i, flat) for i, flat in enumerate(where.tolist()))
    return [Element(index, *row) for index, row in zip(places, rows, strict=True)]


def _count(
    strip: Strip, actual: Float, expected: Float, difference: Difference, unmatched: Array
) -> Mapping[str, Array]:
    """Give the statistics of each array, by their names in a `Tally`."""
    absolute, relative, ulp = difference.absolute, difference.relative, difference.ulp
    finite = np.isfinite(actual) & np.isfinite(expected)
    if not finite.all():
        actual, expected, ulp, relative = (
            np.where(finite, x, 0.0) for x in (actual, expected, ulp, relative)
        )
        absolute = np.where(finite, absolute, 0.0)
    _, octave = np.frexp(np.floor(ulp))
    bins = np.bincount(strip.ids * OCTAVES + octave, ~unmatched, OCTAVES * len(strip))
    return {
        "total": np.asarray(strip.lengths),
        "equal": strip.count(difference.absolute == 0),
        "disagreeing": strip.count(~(difference.absolute <= difference.allowed)),
        "nonfinite": strip.count(unmatched),
        "max_absolute": strip.largest(absolute),
        "max_relative": strip.largest(relative),
        "max_ulp": strip.largest(ulp),
        "octaves": bins.reshape(-1, OCTAVES).astype(np.intp),
        "aa": strip.total(actual * actual),
        "ee": strip.total(expected * expected),
        "ae": strip.total(actual * expected),
    }
