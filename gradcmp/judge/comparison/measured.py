"""How far apart two arrays are: counted, at the worst element, and beside the noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from gradcmp.once import once
from gradcmp.recording import Array

SMALL = 8  # arrays of up to two dimensions of up to SMALL elements are reported whole


@dataclass(frozen=True)
class Element:
    """One element of a comparison: the one that exceeds its own allowance the most."""

    index: tuple[int, ...]
    actual: float
    expected: float
    absolute: float
    relative: float
    ulp: float
    allowed: float

    @property
    def excess(self) -> float:
        """The difference as a multiple of what is allowed: above 1 it disagrees."""
        if self.absolute == 0:
            return 0.0
        return self.absolute / self.allowed if self.allowed else float("inf")


@dataclass(frozen=True)
class Noise:
    """A difference measured by the noise that a correct implementation would show.

    Attributes
    ----------
    multiple : float
        r: the worst element's difference over its noise.
    coherent : float
        p: the same for a factor common to all elements.
    limit, coherent_limit : float
        From where on either is loud.
    shrink : float, optional
        The float64 difference over what rounding would have left of it; above 1 it did not
        shrink. None without a float64 run, or where it was not needed.
    digits, digits_expected : float
        Decimal digits that agree at the worst element, and that would if the noise were all.
    bound : bool
        Whether the multiples are upper bounds: a cheap test settled it without calibration.
    """

    multiple: float
    coherent: float
    limit: float
    coherent_limit: float
    shrink: float | None
    digits: float
    digits_expected: float
    bound: bool = False

    @property
    def is_common(self) -> bool:
        """Whether a factor common to all elements is what is loud; an upper bound tells nothing."""
        if self.bound:
            return False
        return self.multiple <= self.limit < self.coherent * self.limit / self.coherent_limit


@dataclass(frozen=True)
class Statistics:
    """What one pass over two arrays counts, however they are judged; two parts add up to a whole.

    Attributes
    ----------
    total : int
        Number of elements.
    equal : int
        Elements that are the same number, or the same non-finite value.
    nonfinite : int
        Elements where NaN or infinity is on one side alone.
    max_absolute, max_relative, max_ulp : float
        The largest of each over all finite elements, not necessarily at the worst. Relative to an
        expected zero a difference is infinite; ULP are those of the coarser dtype, and for
        integers the difference itself.
    ulp_histogram : tuple of int
        How many elements lie less than 1 ULP apart, then from 1, 2, 4, 8 … ULP on.
    aa, ee, ae : float
        Sums of a², e² and a·e over all finite pairs of real numbers, to five digits; 0 for
        integers. They depend on the order of the memory, and do not count in a comparison.
    """

    total: int = 0
    equal: int = 0
    nonfinite: int = 0
    max_absolute: float = 0.0
    max_relative: float = 0.0
    max_ulp: float = 0.0
    ulp_histogram: tuple[int, ...] = ()
    aa: float = field(default=0.0, compare=False)
    ee: float = field(default=0.0, compare=False)
    ae: float = field(default=0.0, compare=False)

    @property
    def norm_actual(self) -> float:
        """The Euclidean norm of the actual side, over all finite pairs."""
        return math.sqrt(self.aa)

    @property
    def norm_expected(self) -> float:
        """The Euclidean norm of the expected side, over all finite pairs."""
        return math.sqrt(self.ee)

    @property
    def cosine(self) -> float | None:
        """The cosine of the angle between the two; None beside a zero or an overflow."""
        size = self.norm_actual * self.norm_expected
        if not 0 < size < math.inf or not math.isfinite(self.ae):
            return None
        return max(-1.0, min(1.0, self.ae / size))

    def __add__(self, other: Statistics) -> Statistics:
        """Return the statistics of two parts of the same arrays."""
        both = zip_longest(self.ulp_histogram, other.ulp_histogram, fillvalue=0)
        return Statistics(
            self.total + other.total,
            self.equal + other.equal,
            self.nonfinite + other.nonfinite,
            max(self.max_absolute, other.max_absolute),
            max(self.max_relative, other.max_relative),
            max(self.max_ulp, other.max_ulp),
            tuple(mine + theirs for mine, theirs in both),
            self.aa + other.aa,
            self.ee + other.ee,
            self.ae + other.ae,
        )


NOTHING = Statistics()  # of arrays that have no elements, or cannot be compared


@dataclass(frozen=True)
class Measured:
    """How far apart two arrays are.

    Attributes
    ----------
    statistics : Statistics
        What was counted, whatever the rule.
    worst : Element, optional
        The largest excess over its own allowance, non-finite first; None without elements.
    excess : array, optional
        The difference of every element as a multiple of its own allowance, for `SMALL` arrays:
        0 where equal, above 1 where it disagrees, infinity where a NaN or infinity is unmatched.
    noise : Noise, optional
        Under tolerance auto, for a difference that needed measuring.
    """

    statistics: Statistics = NOTHING
    worst: Element | None = None
    excess: Array | None = field(default=None, compare=False, repr=False)
    noise: Noise | None = None


UNMEASURED = Measured()  # of arrays that cannot be compared


class Unread:
    """How far apart two arrays are, measured when somebody reads it: few read what agrees."""

    def __init__(self, measure: Callable[[], Measured]) -> None:
        self._measure = measure

    @once
    def measured(self) -> Measured:
        """What was measured."""
        return self._measure()

    def then(self, change: Callable[[Measured], Measured]) -> Unread:
        """Return the same with a change that is made when somebody reads it."""
        return Unread(lambda: change(self.measured))

    def __eq__(self, other: object) -> bool:
        """Whether the same was measured, whenever that is read."""
        return self.measured == (other.measured if isinstance(other, Unread) else other)

    def __hash__(self) -> int:
        return hash(self.measured)

    def __reduce__(self) -> tuple[Callable[..., Measured], tuple[Any, ...]]:
        """Return what was measured: another process does not have the arrays."""
        found = self.measured
        return Measured, (found.statistics, found.worst, found.excess, found.noise)
