"""What the judge says: the only thing that a report reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gradcmp.case import Case
from gradcmp.errors import ExitCode
from gradcmp.recording import Array, Failure, Outcome, Recording

SMALL = 8  # arrays of up to two dimensions of up to SMALL elements are reported whole

Reason: TypeAlias = Literal[
    "exact",  # the same bits, or equal numbers
    "rounding",  # within the allowance of a rule derived from the dtype
    "tolerance",  # within a tolerance that the user chose, or beyond whichever rule was used
    "non-finite",  # NaN or infinity not matched in kind, sign and place
    "shape",
    "dtype",
    "missing",  # the tensor is there on one side only
    "empty",  # no elements to hold against each other
]


@dataclass(frozen=True)
class Verdict:
    """Whether it agrees, and why.

    `detail` says the reason in words when the reason alone does not: both shapes, both kinds.
    """

    agrees: bool
    reason: Reason
    detail: str = ""


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

    @property
    def agrees(self) -> bool:
        """Whether this pair of arrays agrees."""
        return self.verdict.agrees

    @property
    def share(self) -> float:
        """The share of elements that disagree, from 0 to 1."""
        return self.disagreeing / self.total if self.total else 0.0


@dataclass(frozen=True, order=True)
class Pair:
    """Two backends held against each other, by label."""

    actual: str
    expected: str

    def __str__(self) -> str:
        return f"{self.actual} – {self.expected}"


@dataclass(frozen=True)
class CaseVerdict:
    """All that is known after a case was run and judged.

    Attributes
    ----------
    reference : str
        The label of the float64 reference; its outcome is in `outcomes`.
    outcomes : mapping of str to Recording or Failure
        By label, in the order of the case, the reference first.
    comparisons : mapping of Pair to mapping of str to Comparison
        For each pair, by tensor (``node1``, ``d node1``), values in the order of the graph, then
        gradients in the order of the backward pass. Pairs with the reference come first.
    """

    case: Case
    reference: str
    outcomes: Mapping[str, Outcome]
    comparisons: Mapping[Pair, Mapping[str, Comparison]] = field(default_factory=dict)

    @property
    def tensors(self) -> tuple[str, ...]:
        """Names of everything that was compared, in order."""
        return tuple(dict.fromkeys(name for by in self.comparisons.values() for name in by))

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Backends that gave no recording."""
        return tuple(o for o in self.outcomes.values() if isinstance(o, Failure))

    @property
    def recordings(self) -> dict[str, Recording]:
        """Recordings by label."""
        return {label: o for label, o in self.outcomes.items() if isinstance(o, Recording)}

    @property
    def disagreements(self) -> tuple[tuple[Pair, str, Comparison], ...]:
        """Every comparison that disagrees."""
        return tuple(
            (pair, name, comparison)
            for pair, by in self.comparisons.items()
            for name, comparison in by.items()
            if not comparison.agrees
        )

    @property
    def exit_code(self) -> ExitCode:
        """A disagreement that was seen outweighs a backend that could not be asked."""
        if self.disagreements:
            return ExitCode.DISAGREE
        compared = any(c.total for by in self.comparisons.values() for c in by.values())
        if not compared or any(failure.required for failure in self.failures):
            return ExitCode.COULD_NOT_COMPARE
        return ExitCode.AGREE

    @property
    def agrees(self) -> bool:
        """Whether everything that was asked for was compared, and agrees."""
        return self.exit_code is ExitCode.AGREE
