"""A verdict in a sentence, and many verdicts in a count."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gradcmp.errors import ExitCode
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.report.words.figures import count, short, ulp
from gradcmp.report.words.ink import AGREE, DISAGREE, UNKNOWN

SOME = 3  # layouts that are named

Finding: TypeAlias = tuple[Pair, str, Comparison]


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
    """How many cases came out how, and how many of their checks are weak."""

    agree: int
    disagree: int
    failed: int
    weak: int = 0

    @classmethod
    def of(cls, verdicts: Sequence[CaseVerdict]) -> Tally:
        """Count the outcomes."""
        codes = [verdict.exit_code for verdict in verdicts]
        weak = sum(len(verdict.weak) for verdict in verdicts)
        agree, disagree, failed = map(codes.count, MARKS)
        return cls(agree, disagree, failed, weak)

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
        return (
            f"{count(self.cases, 'case')}: {self.agree} agree, {self.disagree} disagree, "
            f"{self.failed} could not compare{weak}"
        )


def findings(verdict: CaseVerdict, pairs: Iterable[Pair] | None = None) -> list[Finding]:
    """Return every comparison of the given pairs, or of all."""
    return [
        (pair, name, comparison)
        for pair in (verdict.comparisons if pairs is None else pairs)
        for name, comparison in verdict.comparisons[pair].items()
    ]


def severity(comparison: Comparison) -> tuple[bool, float, float]:
    """Order comparisons: disagreeing ones by what they exceed, agreeing ones by ULP.

    To two digits, as shown: of equals the first is taken, and pairs with the reference are first.
    What is missing comes after whatever was seen to disagree.
    """
    if comparison.verdict.reason == "missing":
        return (True, 0.0, 0.0)
    steps = _two_digits(comparison.statistics.max_ulp)
    if comparison.agrees:
        return (False, steps if comparison.worst else 0.0, 0.0)
    return (True, _two_digits(comparison.worst.excess) if comparison.worst else math.inf, steps)


def _two_digits(number: float) -> float:
    return math.inf if math.isnan(number) else float(f"{number:.1e}")


def worst(among: Iterable[Finding]) -> Finding:
    """Return the comparison that is furthest off; the first one of equals."""
    return max(among, key=lambda finding: severity(finding[2]))


def measure(comparison: Comparison) -> str:
    """Describe in a word or a number how far the two arrays are apart."""
    if comparison.worst is None or comparison.verdict.reason in ("non-finite", "range"):
        return comparison.verdict.reason
    return (
        "0" if comparison.statistics.max_ulp == 0 else f"{ulp(comparison.statistics.max_ulp)} ulp"
    )


def amount(comparison: Comparison) -> str:
    """Describe how far in a sentence: ``3.2e7 ULP, 1.86e5 × what is allowed``."""
    far = measure(comparison).replace("ulp", "ULP")
    over = comparison.worst.excess if comparison.worst and not comparison.agrees else 0.0
    return f"{far}, {short(over)} × what is allowed" if 0 < over < math.inf else far


def furthest(among: Iterable[Finding]) -> str:
    """Describe how far, where and between whom: ``worst 1 ULP (d Y, torch – numpy)``."""
    pair, name, comparison = worst(among)
    if measure(comparison) == "0" and comparison.agrees:
        return "all equal"
    return f"worst {amount(comparison)} ({name}, {pair})"


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
        between = f"{len({pair for pair, _, _ in wrong})} of {pairs}"
        known = "" if verdict.unexpected else "known disagreements in "
        reasons = (f"expected: {reason}" for reason in dict.fromkeys(verdict.known.values()))
        rest = [furthest(wrong), *reasons, *verdict.outdated]
        return f"{word}: {known}{of}, in {between}; {'; '.join(rest)}{lost}"
    everything = f"{recorded}, {pairs}, {tensors}; {furthest(found)}{reservations(verdict)}"
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


def wrong_layouts(verdict: CaseVerdict) -> list[str]:
    """Name, for each function, the layouts of its arguments that make it wrong."""
    return [
        f"{label} is wrong with {some([*seen.wrong])}"
        for label, seen in verdict.layouts.items()
        if seen.wrong
    ]


def some(words: Sequence[str], verbose: bool = False) -> str:
    """Name a few layouts and count the rest; all of them if `verbose`."""
    shown = words if verbose or len(words) <= SOME + 1 else words[:SOME]
    rest = f" and {len(words) - len(shown)} more layouts" if len(shown) < len(words) else ""
    return f"{', '.join(shown)}{rest}"


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
    found = findings(verdict)
    missing = [f"{failure.backend} {failure.kind}" for failure in verdict.failures]
    if not found:
        return ", ".join(missing) or "nothing was compared with anything"
    pair, name, comparison = worst(found)
    far = f"worst {amount(comparison)}" if measure(comparison) != "0" else "all equal"
    parts = [f"{name}: {amount(comparison)} ({pair})"] if verdict.disagreements else []
    if verdict.agrees:
        parts = [f"{count(len(verdict.recordings), 'backend')}, {far}{reservations(verdict)}"]
    return ", ".join([*verdict.outdated, *wrong_layouts(verdict), *parts, *missing])
