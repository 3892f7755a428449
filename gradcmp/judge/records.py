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
    # Under tolerance auto:
    "precision",  # louder than rounding, but in float64 it shrinks as rounding does
    "note",  # a real difference that hides below the noise of the dtype
    "kink",  # explained by what exactly tied branches leave open
    "range",  # overflowed: the true value is beyond the largest number of the dtype
    "suspect",  # louder than rounding, and no float64 run could tell why
    "bug",  # louder than rounding, and float64 does not change it
]

WARNINGS = frozenset(("precision", "note", "kink"))  # they agree, and fail under `strict`


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
        return self.reason in WARNINGS


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


@dataclass(frozen=True, order=True)
class Pair:
    """Two backends held against each other, by label."""

    actual: str
    expected: str

    def __str__(self) -> str:
        return f"{self.actual} – {self.expected}"


@dataclass(frozen=True)
class Cause:
    """A hypothesis that explains a difference down to noise.

    Attributes
    ----------
    text : str
        In words: ``the sign is flipped``, ``a factor of 1/4, the length of axis 0``.
    residual : float
        What it leaves unexplained, as a multiple of the noise (of the allowance, without one).
    """

    text: str
    residual: float


@dataclass(frozen=True)
class Finding:
    """What is known of one disagreement beyond its size.

    Attributes
    ----------
    causes : tuple of Cause
        The best first; empty rather than a guess.
    side : str, optional
        The label of the backend that is off the truth; None when the truth could not tell.
    """

    causes: tuple[Cause, ...] = ()
    side: str | None = None


@dataclass(frozen=True)
class Teeth:
    """Whether a comparison could have failed: which spoiled gradients it would have passed.

    Attributes
    ----------
    survivors : mapping of str to float
        By mutant (``zero``, ``negated`` …) that would have passed, the share of the elements
        that cannot tell it apart. Empty: the check has teeth.
    """

    survivors: Mapping[str, float] = field(default_factory=dict)

    @property
    def vacuous(self) -> bool:
        """Whether a wrong gradient would have passed."""
        return bool(self.survivors)


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
    findings : mapping of Pair to mapping of str to Finding
        For what disagrees or warns.
    teeth : mapping of str to Teeth
        By tensor, for gradients.
    twins : mapping of str to Recording or Failure
        Under tolerance auto, the same backends in float64, by the same labels.
    runs : int
        How often each backend ran.
    unsteady : mapping of str to mapping of str to Comparison
        By label and tensor, what was not the same to the last bit in all runs.
    isolated : mapping of str to CaseVerdict
        By node, that node alone on the reference's operands and the reference's cotangent.
    known : mapping of (Pair, str) to str
        What disagrees (under `strict`, or warns), is expected to, and does not fail: why.
    outdated : tuple of str
        What was expected to disagree and has come to agree; that fails.
    """

    case: Case
    reference: str
    outcomes: Mapping[str, Outcome]
    comparisons: Mapping[Pair, Mapping[str, Comparison]] = field(default_factory=dict)
    findings: Mapping[Pair, Mapping[str, Finding]] = field(default_factory=dict)
    teeth: Mapping[str, Teeth] = field(default_factory=dict)
    twins: Mapping[str, Outcome] = field(default_factory=dict)
    runs: int = 1
    unsteady: Mapping[str, Mapping[str, Comparison]] = field(default_factory=dict)
    isolated: Mapping[str, CaseVerdict] = field(default_factory=dict)
    known: Mapping[tuple[Pair, str], str] = field(default_factory=dict)
    outdated: tuple[str, ...] = ()

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
    def warnings(self) -> tuple[tuple[Pair, str, Comparison], ...]:
        """Every comparison that agrees with a reservation."""
        return tuple(
            (pair, name, comparison)
            for pair, by in self.comparisons.items()
            for name, comparison in by.items()
            if comparison.agrees and comparison.verdict.warns
        )

    @property
    def faults(self) -> tuple[tuple[Pair, str, Comparison], ...]:
        """Every comparison that fails unless it is known: under `strict`, warnings too."""
        return self.disagreements + (self.warnings if self.case.strict else ())

    @property
    def unexpected(self) -> tuple[tuple[Pair, str, Comparison], ...]:
        """Every comparison that fails."""
        return tuple(found for found in self.faults if found[:2] not in self.known)

    @property
    def vacuous(self) -> tuple[str, ...]:
        """Tensors on which a wrong gradient would have passed."""
        return tuple(name for name, teeth in self.teeth.items() if teeth.vacuous)

    def first_parts(self, pair: Pair) -> tuple[str | None, str | None]:
        """Give the first node whose values part, going forward, and the first gradient, going back.

        Gradients are named as on screen: ``d node1``.
        """
        wrong = [name for name, c in self.comparisons[pair].items() if not c.agrees]
        forward = next((name for name in wrong if not name.startswith("d ")), None)
        backward = next((name for name in wrong if name.startswith("d ")), None)
        return forward, backward

    @property
    def exit_code(self) -> ExitCode:
        """A disagreement that was seen outweighs a backend that could not be asked."""
        reserved = self.case.strict and (self.vacuous or self.unsteady)
        if self.unexpected or self.outdated or reserved:
            return ExitCode.DISAGREE
        compared = any(c.total for by in self.comparisons.values() for c in by.values())
        if not compared or any(failure.required for failure in self.failures):
            return ExitCode.COULD_NOT_COMPARE
        return ExitCode.AGREE

    @property
    def agrees(self) -> bool:
        """Whether everything that was asked for was compared, and agrees."""
        return self.exit_code is ExitCode.AGREE
