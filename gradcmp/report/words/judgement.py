"""What a difference is, in words: rounding or bug, whose, since when, and the likely cause."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rich.text import Text

from gradcmp.judge.blame import Groups
from gradcmp.judge.comparison import Comparison, Element, Noise
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.report.words.faults import Finding, findings, severity, worst_among
from gradcmp.report.words.figures import multiple, narrow, ulp
from gradcmp.report.words.ink import AGREE, DISAGREE, QUIET, STRONG, UNKNOWN, Ink
from gradcmp.report.words.places import index
from gradcmp.report.words.sentence import measure
from gradcmp.report.words.weak import passed

LEAST = 0.05  # digits: what is less is written as none
LINES = 6  # tensors that get a sentence of their own

Level: TypeAlias = Literal["disagree", "apart", "warn", "unknown", "agree", "plain"]
STYLES: Mapping[Level, tuple[str, str]] = {
    "disagree": ("✗", DISAGREE),
    "apart": ("≠", QUIET),
    "warn": ("!", UNKNOWN),
    "unknown": ("?", UNKNOWN),
    "agree": ("✓", AGREE),
    "plain": ("", QUIET),
}


@dataclass(frozen=True)
class Remark:
    """One thing that is said of a case, whoever draws it.

    Attributes
    ----------
    head : str
        What it begins with, as ``BUG``, before the name.
    name : str
        What it is about: a tensor, a backend, a node.
    below : tuple of str
        What explains it, each on lines of its own.
    """

    level: Level
    head: str
    name: str = ""
    body: str = ""
    below: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The remark without the sign of its level, on one line."""
        return f"{self.head}{self.name}{self.body}"

    def drawn(self, ink: Ink) -> Iterator[Text]:
        """Return its lines on a screen."""
        sign, style = STYLES[self.level]
        if not sign:
            hang = 2 if self.head.startswith("and ") else 0
            yield from ink.wrap(ink(self.head, style), hang, hang)
            return
        head = ink(f"{sign} {self.head}", style) if self.name else ink(sign, style)
        rest = ink(self.name, STRONG) if self.name else ink(f" {self.head}")
        yield from ink.wrap(Text.assemble(head, rest, ink(self.body)), hang=2)
        for line in self.below:
            yield from ink.wrap(ink(line, QUIET), indent=2, hang=2)


def drawn(ink: Ink, remarks: Iterable[Remark]) -> Iterator[Text]:
    """Draw remarks below a line that is empty; nothing if there is none."""
    for number, remark in enumerate(remarks):
        if not number:
            yield Text()
        yield from remark.drawn(ink)


def level_of(comparison: Comparison) -> Level:
    """Return how serious a comparison is; a warning has a level of its own."""
    if not comparison.agrees:
        return "disagree"
    return "warn" if comparison.verdict.warns else "agree"


def style_of(comparison: Comparison) -> tuple[str, str]:
    """Return the sign and the colour of a comparison."""
    return STYLES[level_of(comparison)]


def nature(ink: Ink, verdict: CaseVerdict, name: str) -> Text:
    """Describe in a cell what the worst difference of one tensor is: ``rounding 0.6×``."""
    among = [found for found in findings(verdict) if found[1] == name]
    comparison = worst_among(among)[2]
    text: str = comparison.verdict.reason
    if noise := comparison.noise:
        text = f"{text} {'<' if noise.bound else ''}{multiple(noise.multiple)}×"
    return ink(text, style_of(comparison)[1])


def judgements(verdict: CaseVerdict, verbose: bool) -> Iterator[Remark]:
    """Return a remark on each tensor that fails or warns, the first in the graph first."""
    worst: dict[str, Finding] = {}
    for found in findings(verdict):
        comparison = found[2]
        if comparison.agrees and not comparison.verdict.warns:
            continue
        name = found[1]
        if name not in worst or severity(comparison) > severity(worst[name][2]):
            worst[name] = found
    ordered = sorted(worst.values(), key=_place)  # stable
    shown = ordered if verbose else ordered[:LINES]
    for pair, name, comparison in shown:
        body = "; ".join(facts(verdict, pair, name, comparison))
        head = f"{comparison.verdict.reason.upper()}  "
        below = (*causes(verdict, pair, name), *camps(verdict, name))
        yield Remark(level_of(comparison), head, name, body, below)
    if rest := [name for _, name, _ in ordered[len(shown) :]]:
        yield Remark("plain", f"and {', '.join(rest)} (--verbose shows all)")


def _place(finding: Finding) -> tuple[bool, bool]:
    """Order findings: what fails before what warns, and what was seen before what is missing."""
    comparison = finding[2]
    return comparison.agrees, comparison.verdict.reason == "missing"


def facts(verdict: CaseVerdict, pair: Pair, name: str, comparison: Comparison) -> Iterator[str]:
    """Return the parts of the sentence: how much, what float64 says, whose, since when."""
    worst, noise = comparison.worst, comparison.noise
    if worst and noise:
        amount = f"{place(worst)}{multiple(noise.multiple)} × noise (limit {noise.limit:g})"
        if noise.is_common:
            amount += f", {multiple(noise.coherent)} × as a common factor"
        told = f", {digits(noise)}" if math.isfinite(noise.digits) else ""  # some differ
        yield f"{amount}, {ulp(worst.ulp)} ULP{told} ({pair})"
    elif worst:
        far = measure(comparison) if comparison.statistics.nonfinite else f"{ulp(worst.ulp)} ulp"
        yield f"{place(worst)}{far} ({pair})"
    else:
        yield f"  ({pair})"
    if comparison.verdict.detail:
        yield comparison.verdict.detail
    finding = verdict.findings.get(pair, {}).get(name)
    if finding and finding.where:
        yield finding.where
    if finding and finding.side:
        yield f"wrong: {finding.side}"
    if not comparison.agrees:
        yield from since(verdict, pair, name)
    if reason := verdict.known.get((pair, name)):
        yield f"known: {reason}"


def digits(noise: Noise) -> str:
    """Describe how many decimal digits agree; fewer than none cannot."""
    expected = f"{noise.digits_expected:.1f} expected"
    if noise.digits < LEAST:
        return f"no digit agrees of {expected}"
    return f"{noise.digits:.1f} digits agree of {expected}"


def place(worst: Element) -> str:
    """Write where an element is, beside the tensor's name; a single number has no place."""
    return f"{index(worst.index) if worst.index else ''}  "


def since(verdict: CaseVerdict, pair: Pair, name: str) -> Iterator[str]:
    """Describe the first divergence of the two sides on the way to a tensor."""
    divergence = verdict.divergences.get(pair, {}).get(name)
    if divergence is None:
        return
    compared = verdict.comparisons[pair]
    given = " among what was given" if verdict.not_given.get(pair) else ""
    if divergence.forward:
        at = "here" if name == divergence.forward else f"at node '{divergence.forward}'"
        yield f"first divergence{given}: {at}, in the forward pass"
    elif name == divergence.backward:
        values = any(not other.startswith("d ") for other in compared)  # or nobody asked for them
        agree = "; the values that it is made from agree" if values and not given else ""
        yield f"first divergence{given}: here, in the backward pass{agree}"
    elif divergence.backward:
        node = divergence.backward.removeprefix("d ")
        value = compared.get(node)
        agrees = " (its value agrees)" if value and value.agrees else ""
        yield f"first divergence{given}: at node '{node}', in the backward pass{agrees}"


def causes(verdict: CaseVerdict, pair: Pair, name: str) -> Iterator[str]:
    """Return what explains the difference down to noise."""
    finding = verdict.findings.get(pair, {}).get(name)
    for cause in finding.causes if finding else ():
        yield f"likely cause: {cause.text}"


def camps(verdict: CaseVerdict, name: str) -> Iterator[str]:
    """Return who has which number, what it should be, and everybody who is wrong.

    Of two backends their pair has said it, unless the reference itself is wrong.
    """
    groups = verdict.groups.get(name)
    if groups is None:
        return
    several = sum(len(group.labels) for group in groups.groups) > 2
    if not several and verdict.reference not in groups.wrong:
        return
    values = distinct([group.value for group in groups.groups])
    parts = [
        f"{value}: {', '.join(group.labels)}"
        for value, group in zip(values, groups.groups, strict=True)
    ]
    at = f"at {index(groups.index)} " if groups.index else ""
    low, high = map(_number, groups.truth) if groups.truth else ("", "")
    should = f"the derivative is {low}" if low == high else f"{low} to {high} would be right"
    told = [one for one in (should if groups.truth else "", wrong(verdict, groups)) if one]
    yield f"{at}{'; '.join([*parts, ': '.join(told)] if told else parts)}"


def wrong(verdict: CaseVerdict, groups: Groups) -> str:
    """Name everybody who is wrong, the reference as such; nothing if nobody is known to be."""
    labels = [f"{one} (the reference)" if one == verdict.reference else one for one in groups.wrong]
    return f"wrong {'is' if len(labels) == 1 else 'are'} {', '.join(labels)}" if labels else ""


def distinct(numbers: Sequence[float]) -> list[str]:
    """Write numbers to three digits, or to as many as tell those apart that differ."""
    for digits in range(3, 17):
        written = [_number(number, digits) for number in numbers]
        if len({*written}) == len({repr(number) for number in numbers}):
            return written
    return [_number(number, 17) for number in numbers]


def _number(number: float, digits: int = 3) -> str:
    return "NaN" if math.isnan(number) else narrow(f"{number:.{digits}g}")


def nondeterministic(verdict: CaseVerdict) -> Iterator[Remark]:
    """Name the backends that did not give the same bits in all runs: that is not being wrong."""
    if verdict.runs == 1:
        return
    for label, by in verdict.unsteady.items():
        far = ", ".join(f"{name} by {measure(found)}" for name, found in by.items())
        body = f" is not deterministic: over {verdict.runs} runs {far}"
        yield Remark("warn", "", label, body)
    odd = {*verdict.unsteady, *verdict.interrupted}
    if steady := [label for label in verdict.recordings if label not in odd]:
        yield Remark("agree", f"bitwise equal in {verdict.runs} runs: {', '.join(steady)}")


def isolated_nodes(verdict: CaseVerdict) -> Iterator[Remark]:
    """Describe which nodes are wrong by themselves."""
    for node, one in verdict.isolated.items():
        for pair, name, comparison in one.disagreements or one.warnings:
            told = "; ".join(facts(one, pair, name, comparison))
            body = f" by itself: {comparison.verdict.reason} in {name}{told}"
            yield Remark(level_of(comparison), "", node, body)


def weak_checks(verdict: CaseVerdict) -> Iterator[Remark]:
    """Name the gradients that could not have failed, and which wrong ones would have passed."""
    for name in verdict.weak:
        yield Remark("warn", "", name, f" is a weak check: {passed(verdict, name)}")
