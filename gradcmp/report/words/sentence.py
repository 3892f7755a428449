"""A verdict in a sentence, and many verdicts in a count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gradcmp.errors import ExitCode
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.report.words.faults import Finding, findings, worst_of
from gradcmp.report.words.figures import count, multiple, short, ulp
from gradcmp.report.words.ink import AGREE, DISAGREE, UNKNOWN
from gradcmp.report.words.laid import wrong_layouts
from gradcmp.report.words.titles import title


@dataclass(frozen=True)
class Mark:
    """How an outcome looks: a sign that reads without colour, a word, a colour."""

    sign: str
    word: str
    style: str


MARKS = {
    ExitCode.AGREE: Mark("✓", "agree", AGREE),
    ExitCode.DISAGREE: Mark("✗", "disagree", DISAGREE),
    ExitCode.COULD_NOT_COMPARE: Mark("?", "could not compare", UNKNOWN),
}


@dataclass(frozen=True)
class Tally:
    """How many cases came out how, and how many of their checks are weak.

    Attributes
    ----------
    warned : int
        How many of those that agree do so with warnings.
    """

    agree: int
    disagree: int
    failed: int
    weak: int = 0
    warned: int = 0

    @classmethod
    def of(cls, verdicts: Sequence[CaseVerdict]) -> Tally:
        """Count the outcomes."""
        codes = [verdict.exit_code for verdict in verdicts]
        weak = sum(len(verdict.weak) for verdict in verdicts)
        agree, disagree, failed = map(codes.count, MARKS)
        warned = sum(verdict.agrees and bool(verdict.warnings) for verdict in verdicts)
        return cls(agree, disagree, failed, weak, warned)

    @property
    def cases(self) -> int:
        """How many cases there were."""
        return self.agree + self.disagree + self.failed

    @property
    def exit_code(self) -> ExitCode:
        """A disagreement outweighs a case that could not be compared; no case is no success."""
        if self.disagree:
            return ExitCode.DISAGREE
        return ExitCode.COULD_NOT_COMPARE if self.failed or not self.agree else ExitCode.AGREE

    def __str__(self) -> str:
        if not self.cases:
            return "no case was run: nothing was compared"
        weak = f"; {count(self.weak, 'weak check')}" if self.weak else ""
        warned = f"{self.warned} agree with warnings, " if self.warned else ""
        return (
            f"{count(self.cases, 'case')}: {self.agree - self.warned} agree, {warned}"
            f"{self.disagree} disagree, {self.failed} could not compare{weak}"
        )


def measure(comparison: Comparison) -> str:
    """Describe in a word or a number how far the two arrays are apart, at their worst element."""
    if comparison.worst is None or comparison.verdict.reason in ("non-finite", "range"):
        return comparison.verdict.reason
    return "0" if comparison.worst.ulp == 0 else f"{ulp(comparison.worst.ulp)} ulp"


def amount(comparison: Comparison) -> str:
    """Describe how far in a sentence: ``3.2e7 ULP, 8.5e6 × noise``."""
    far, noise = measure(comparison).replace("ulp", "ULP"), comparison.noise
    if far in ("0", comparison.verdict.reason):
        return far
    if noise and not noise.bound:
        return f"{far}, {multiple(noise.multiple)} × noise"
    over = comparison.worst.excess if comparison.worst and not comparison.agrees else 0.0
    return f"{far}, {short(over)} × what is allowed" if 0 < over < math.inf else far


def furthest(verdict: CaseVerdict) -> str:
    """Describe the worst of a case: ``worst 1 ULP (d Y, torch – numpy)``."""
    return located(worst_of(verdict))


def located(found: Finding) -> str:
    """Describe how far, where and between whom."""
    pair, name, comparison = found
    if measure(comparison) == "0" and comparison.agrees:
        return "all equal"
    return f"worst {amount(comparison)} ({name}, {pair})"


def in_short(found: Finding) -> str:
    """Describe how far and where: ``worst 1 ULP (d Y)``."""
    _, name, comparison = found
    if measure(comparison) == "0" and comparison.agrees:
        return "all equal"
    return f"worst {amount(comparison)} ({name})"


def sentence(verdict: CaseVerdict) -> str:
    """Describe the verdict of a case, beginning with its word."""
    found = findings(verdict)
    word = MARKS[verdict.exit_code].word
    missing = [f"{failure.backend} {failure.kind}" for failure in verdict.failures]
    lost = f"; {', '.join(missing)}" if missing else ""
    if not found:
        causes = {failure.message for failure in verdict.failures}
        if len(causes) == 1:  # of all: the process that ran it is gone, or gradcmp itself failed
            lost = f"; {causes.pop()}"
        return f"{word}: nothing was compared with anything{lost}"
    recorded = count(len(verdict.recordings), "backend")
    pairs = count(sum(map(bool, verdict.comparisons.values())), "pair")
    tensors = count(len(verdict.tensors), "tensor")
    if wrong := verdict.disagreements:
        lost = "".join(f"; {laid}" for laid in wrong_layouts(verdict)) + lost
        of = f"{len({name for _, name, _ in wrong})} of {tensors}"
        told = f"{title(verdict)}; {of}" if verdict.unexpected else f"known disagreements in {of}"
        reasons = (f"expected: {reason}" for reason in dict.fromkeys(verdict.known.values()))
        rest = [furthest(verdict), *reasons, *verdict.outdated]
        return f"{word}: {told}; {'; '.join(rest)}{lost}"
    everything = f"{recorded}, {pairs}, {tensors}; {furthest(verdict)}{reservations(verdict)}"
    if verdict.outdated:
        return f"{word}: {'; '.join(verdict.outdated)}; {everything}{lost}"
    if nodes := [name for name, one in verdict.isolated.items() if one.disagreements]:
        return f"{word}: wrong by itself: {', '.join(nodes)}; {everything}{lost}"
    if laid := wrong_layouts(verdict):
        return f"{word}: {'; '.join(laid)}; {everything}{lost}"
    if verdict.exit_code is ExitCode.DISAGREE:
        return f"{word}: under strict; {everything}{lost}"
    if verdict.agrees:
        return f"{word}: {everything}{lost}"
    if not missing:
        return f"{word}: every tensor is empty, so nothing was compared"
    return f"{word}: {', '.join(missing)}; the rest agrees: {everything}"


def reservations(verdict: CaseVerdict) -> str:
    """Count the warnings and what is known, as the end of a sentence."""
    parts = [
        count(number, noun)
        for number, noun in (
            (len({name for _, name, _ in verdict.warnings}), "warning"),
            (len(verdict.weak), "weak check"),
            (len(verdict.known), "known disagreement"),
            (sum(map(len, verdict.not_given.values())), "unknown tensor"),
        )
        if number
    ]
    return f"; {', '.join(parts)}" if parts else ""


def brief(verdict: CaseVerdict) -> str:
    """Describe the verdict of a case in what fits beside its name and its word."""
    missing = [f"{failure.backend} {failure.kind}" for failure in verdict.failures]
    found = findings(verdict)
    parts = [title(verdict, counted=True), *verdict.outdated, *wrong_layouts(verdict)]
    if found and (verdict.agrees or verdict.disagreements):
        parts.append(in_short(worst_of(verdict)) if verdict.agrees else furthest(verdict))
    if found and verdict.exit_code is not ExitCode.COULD_NOT_COMPARE:
        parts += missing
    return "; ".join(dict.fromkeys(parts))
