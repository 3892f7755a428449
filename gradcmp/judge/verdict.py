"""What the judge says: the only thing that a report reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gradcmp.case import Case
from gradcmp.errors import ExitCode
from gradcmp.judge.blame import Cause as Cause
from gradcmp.judge.blame import Divergence as Divergence
from gradcmp.judge.blame import Finding as Finding
from gradcmp.judge.blame import Groups
from gradcmp.judge.blame import Sensitivity as Sensitivity
from gradcmp.judge.blame import Stage as Stage
from gradcmp.judge.comparison import Comparison
from gradcmp.outside.shown import Shown
from gradcmp.recording import Failure, Outcome, Recording


@dataclass(frozen=True, order=True)
class Pair:
    """Two backends held against each other, by label."""

    actual: str
    expected: str

    def __str__(self) -> str:
        return f"{self.actual} – {self.expected}"


@dataclass(frozen=True)
class WrongLayout:
    """What a function computes otherwise because of how the same numbers lie in memory.

    Attributes
    ----------
    verdict : CaseVerdict
        On one pair: the function in this layout, and the same with all of it contiguous. It has
        no comparison where the function failed.
    right : str
        What is right all the same, in words: ``row 1 of 64 is right``; may be empty.
    cause : str
        What explains all of it; empty rather than a guess.
    """

    verdict: CaseVerdict
    right: str = ""
    cause: str = ""

    @property
    def worst(self) -> tuple[Pair, str, Comparison] | None:
        """The first tensor that disagrees; None where the function failed."""
        return next(iter(self.verdict.disagreements), None)


@dataclass(frozen=True)
class Layouts:
    """The layouts of inputs and cotangents that one function was run in, each in words.

    Attributes
    ----------
    right : tuple of str
        Where it computes what it does with contiguous arrays.
    wrong : mapping of str to WrongLayout
        Where it does not.
    left_out : mapping of str to str
        Where it was not run, and why.
    """

    right: tuple[str, ...] = ()
    wrong: Mapping[str, WrongLayout] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class CaseVerdict(Shown):
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
    witnesses : mapping of Pair to mapping of str to Comparison
        Comparisons with the reference that were made only to tell who is wrong: no results.
    findings : mapping of Pair to mapping of str to Finding
        For what disagrees or warns.
    groups : mapping of str to Groups
        By tensor that is not the same everywhere, or wrong everywhere: who computed the same, and
        who is off, the reference no less than others.
    divergences : mapping of Pair to mapping of str to Divergence
        For what disagrees in a case that has a graph.
    sensitivity : mapping of str to Sensitivity
        By tensor, for gradients.
    edges : mapping of str to tuple of str
        By node, the inputs and nodes that its expression reads; empty where nothing was judged.
    twins : mapping of str to Recording or Failure
        Under tolerance auto, the same backends in float64, by the same labels.
    unearned : mapping of str to set of str
        By label, tensors that lost digits to rounding or to a wrong kernel, as runs at nudged
        inputs would tell.
    runs : int
        How often each backend ran.
    interrupted : mapping of str to Failure
        By label, how a backend failed in one of several runs and answered in another, whose
        recording is in `outcomes`.
    unsteady : mapping of str to mapping of str to Comparison
        By label and tensor, what was not the same to the last bit in all runs.
    isolated : mapping of str to CaseVerdict
        By node, that node alone on the reference's operands and the reference's cotangent.
    smallest : str
        Of a case that disagrees and whose lengths have names, the smallest that still do, in words.
    layouts : mapping of str to Layouts
        By label of a function, how it fares when numbers lie in memory otherwise.
    stages : mapping of str to tuple of Stage
        By label, of compiled sides that may be wrong or have failed: each stage of the compiler,
        from what is not compiled to the side's own mode.
    notes : mapping of str to tuple of str
        By label, what else is to be said of a side: an input that it changes in place, no run in
        float64.
    known : mapping of (Pair, str) to str
        What disagrees (under `strict`, or warns), is expected to, and does not fail: why.
    outdated : tuple of str
        What was expected to disagree and has come to agree; that fails.
    not_given : mapping of Pair to tuple of str
        Tensors of a recording that arrays of one's own leave out: neither right nor wrong.
    kept : mapping of str to Recording
        By label, recordings of functions with all that a later judge needs, where that was asked.
    untold : tuple of str
        What recordings do not tell, in words.
    seconds : float
        How long it took by the clock, to compute and to judge; 0 where nobody took the time.
    not_auto : str
        Why the table by dtype judged where tolerance auto was asked for; empty where auto did.
    """

    case: Case
    reference: str
    outcomes: Mapping[str, Outcome]
    comparisons: Mapping[Pair, Mapping[str, Comparison]] = field(default_factory=dict)
    findings: Mapping[Pair, Mapping[str, Finding]] = field(default_factory=dict)
    groups: Mapping[str, Groups] = field(default_factory=dict)
    divergences: Mapping[Pair, Mapping[str, Divergence]] = field(default_factory=dict)
    sensitivity: Mapping[str, Sensitivity] = field(default_factory=dict)
    edges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    twins: Mapping[str, Outcome] = field(default_factory=dict)
    unearned: Mapping[str, set[str]] = field(default_factory=dict)
    runs: int = 1
    interrupted: Mapping[str, Failure] = field(default_factory=dict)
    unsteady: Mapping[str, Mapping[str, Comparison]] = field(default_factory=dict)
    isolated: Mapping[str, CaseVerdict] = field(default_factory=dict)
    smallest: str = ""
    layouts: Mapping[str, Layouts] = field(default_factory=dict)
    stages: Mapping[str, tuple[Stage, ...]] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: Mapping[tuple[Pair, str], str] = field(default_factory=dict)
    outdated: tuple[str, ...] = ()
    not_given: Mapping[Pair, tuple[str, ...]] = field(default_factory=dict)
    seconds: float = 0.0
    not_auto: str = ""
    witnesses: Mapping[Pair, Mapping[str, Comparison]] = field(default_factory=dict)
    kept: Mapping[str, Recording] = field(default_factory=dict)
    untold: tuple[str, ...] = ()

    @property
    def tensors(self) -> tuple[str, ...]:
        """Names of everything that was compared, in order."""
        return tuple(dict.fromkeys(name for by in self.comparisons.values() for name in by))

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Backends that gave no recording, in one run or in all."""
        found = {label: o for label, o in self.outcomes.items() if isinstance(o, Failure)}
        return tuple({**found, **self.interrupted}.values())

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
    def weak(self) -> tuple[str, ...]:
        """Tensors on which a wrong gradient would have passed."""
        return tuple(name for name, one in self.sensitivity.items() if one.weak)

    def wrong_sides(self, pair: Pair, name: str) -> tuple[str, ...]:
        """Return who of a pair is known to be wrong in a tensor; empty where nobody is named."""
        groups, finding = self.groups.get(name), self.findings.get(pair, {}).get(name)
        named = groups.wrong if groups else ()
        if not named and finding:
            named = finding.ruling.off
        return tuple(label for label in (pair.actual, pair.expected) if label in named)

    @property
    def exit_code(self) -> ExitCode:
        """A disagreement that was seen outweighs a backend that could not be asked."""
        reserved = self.case.strict and (self.weak or self.unsteady)
        alone = any(one.exit_code is ExitCode.DISAGREE for one in self.isolated.values())
        laid = any(one.wrong for one in self.layouts.values())
        if self.unexpected or self.outdated or reserved or alone or laid:
            return ExitCode.DISAGREE
        compared = any(c.total for by in self.comparisons.values() for c in by.values())
        if 0 in self.case.sizes.values():  # no elements is what was asked for
            compared = any(self.comparisons.values())
        if not compared or any(failure.required for failure in self.failures):
            return ExitCode.COULD_NOT_COMPARE
        return ExitCode.AGREE

    @property
    def agrees(self) -> bool:
        """Whether everything that was asked for was compared, and agrees."""
        return self.exit_code is ExitCode.AGREE
