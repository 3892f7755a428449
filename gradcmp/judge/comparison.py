"""What is said of one pair of arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gradcmp.recording import Array

SMALL = 8  # arrays of up to two dimensions of up to SMALL elements are reported whole

Reason: TypeAlias = Literal[
    "exact",  # the same bits, or equal numbers
    "rounding",  # within the allowance of a rule derived from the dtype
    "tolerance",  # within a tolerance that the user chose, or beyond whichever rule was used
    "non-finite",  # NaN or infinity not matched in kind, sign and place; or matched everywhere
    "shape",
    "dtype",
    "missing",  # the tensor is there on one side only
    "empty",  # no elements to hold against each other
    # Under tolerance auto:
    "precision",  # louder than rounding, but in float64 it shrinks as rounding does
    "note",  # a real difference that hides below the noise of the dtype
    "kink",  # explained by what exactly tied branches leave open
    "range",  # overflowed: the true value is beyond the largest number of the dtype
    "suspect",  # louder than rounding, and no float64 run could tell why
    "bug",  # louder than rounding, and float64 does not change it
]

# What agrees for these reasons fails under `strict`.
WARNINGS = frozenset(("precision", "note", "kink", "non-finite"))


@dataclass(frozen=True)
class Verdict:
    """Whether it agrees, and why.

    `detail` says the reason in words when the reason alone does not: both shapes, both kinds.
    """

    agrees: bool
    reason: Reason
    detail: str = ""

    @property
    def warns(self) -> bool:
        """Whether it agrees with a reservation that the reader should know."""
        return self.agrees and self.reason in WARNINGS


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


@dataclass(frozen=True)
class Comparison:
    """One pair of arrays held together element by element.

    Attributes
    ----------
    total, disagreeing : int
        Numbers of elements.
    worst : Element, optional
        The largest excess over its own allowance, non-finite first; None without elements.
    max_absolute, max_relative, max_ulp : float
        The largest of each over all finite elements, not necessarily at `worst`. Relative to an
        expected zero a difference is infinite; ULP are those of the coarser dtype, and for
        integers the difference itself.
    rule : str
        The rule that was used, in full: ``|a - e| <= 1e-06 + 1e-05 * |e|``.
    excess : array, optional
        The difference of every element as a multiple of its own allowance, for `SMALL` arrays:
        0 where equal, above 1 where it disagrees, infinity where a NaN or infinity is unmatched.
    equal : int
        Elements that are the same number, or the same non-finite value.
    nonfinite : int
        Elements where a NaN or infinity is unmatched; they count as disagreeing.
    octaves : tuple of int
        How many elements lie less than 1 ULP apart, then from 1, 2, 4, 8 … ULP on.
    norm_actual, norm_expected : float
        Euclidean norms over all finite pairs of real numbers, to five digits; 0 for integers.
    cosine : float, optional
        Of the angle between the two, from -1 to 1; None where either is zero.
    noise : Noise, optional
        Under tolerance auto, for a difference that needed measuring.
    """

    verdict: Verdict
    rule: str
    total: int = 0
    disagreeing: int = 0
    worst: Element | None = None
    max_absolute: float = 0.0
    max_relative: float = 0.0
    max_ulp: float = 0.0
    excess: Array | None = field(default=None, compare=False, repr=False)
    equal: int = 0
    nonfinite: int = 0
    octaves: tuple[int, ...] = ()
    noise: Noise | None = None
    norm_actual: float = field(default=0.0, compare=False)  # summed in the order of the memory
    norm_expected: float = field(default=0.0, compare=False)
    cosine: float | None = field(default=None, compare=False)

    @property
    def agrees(self) -> bool:
        """Whether this pair of arrays agrees."""
        return self.verdict.agrees

    @property
    def share(self) -> float:
        """The share of elements that disagree, from 0 to 1."""
        return self.disagreeing / self.total if self.total else 0.0
