"""What one pass over two arrays finds; what parts of them say adds up to the whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradcmp.judge.comparison import NOTHING, Statistics


@dataclass(frozen=True)
class SegmentResult:
    """What one pass finds in a segment; two parts of an array add up to the whole.

    Attributes
    ----------
    worst : int
        Flat index of the element of the highest `key`, the first of equals.
    key : tuple of (bool, float, float)
        Whether it is an unmatched non-finite, its excess (under an ULP rule, its distance) and
        its absolute difference.
    """

    statistics: Statistics = NOTHING
    disagreeing: int = 0
    worst: int = 0
    key: tuple[bool, float, float] = (False, 0.0, 0.0)

    def __add__(self, other: SegmentResult) -> SegmentResult:
        """Return the result of both parts."""
        worse = max((self, other), key=lambda part: (part.key, -part.worst))
        return SegmentResult(
            self.statistics + other.statistics,
            self.disagreeing + other.disagreeing,
            worse.worst,
            worse.key,
        )


EMPTY = SegmentResult()
UNMATCHED = (True, math.inf, math.inf)
