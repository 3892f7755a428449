"""From a verdict to its answer: title, cause, first divergence, worst element, what else there is.

Terminal, pytest, Markdown and JUnit print the same lines; the page and the notebook may.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from gradcmp.derivatives import is_derived
from gradcmp.errors import ExitCode
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.recording.origin import DAY
from gradcmp.report.answer import again
from gradcmp.report.answer.environment import ABSENT, differences, is_saved
from gradcmp.report.answer.records import BAR, GAP, REPRODUCE, Answer, Line, Part
from gradcmp.report.answer.standing import cause, far, names, standings
from gradcmp.report.words.faults import Fault, faults, findings, worst_among
from gradcmp.report.words.figures import beside, count, listed, multiple, short
from gradcmp.report.words.judgement import Level, level_of
from gradcmp.report.words.places import index
from gradcmp.report.words.titles import brief, title
from gradcmp.report.words.weak import passed

NAMES = 6  # tensors that a line names
LINES = 3  # further faults, and facts of recordings that differ, that are named
WITHIN = {"tolerance": "within the tolerance"}


def answer(verdict: CaseVerdict) -> Answer:
    """Return the answer of a case."""
    found = faults(verdict)
    lines = [*_of_faults(verdict, found), *_beside(verdict), *_reserved(verdict)]
    if verdict.exit_code is ExitCode.DISAGREE and (shown := again.command(verdict, _who(found))):
        lines.append(Line(REPRODUCE, (Part(shown),)))
    return Answer(level(verdict), verdict.case.name, title(verdict), tuple(lines), found)


def level(verdict: CaseVerdict) -> Level:
    """Return how serious a case is; one that agrees with a reservation has a level of its own."""
    if verdict.exit_code is ExitCode.DISAGREE:
        return "disagree"
    if verdict.exit_code is ExitCode.COULD_NOT_COMPARE:
        return "unknown"
    return "warn" if verdict.warnings or verdict.weak or verdict.unsteady else "agree"


def _who(found: Sequence[Fault]) -> tuple[str, ...]:
    """Return who is needed to see the faults again."""
    pairs = [(one.pair.actual, one.pair.expected) for one in found[:1]]
    wrong = [one.wrong for one in found if not one.comparison.agrees]
    return tuple(dict.fromkeys(label for labels in (*wrong, *pairs) for label in labels))


def _of_faults(verdict: CaseVerdict, found: Sequence[Fault]) -> Iterator[Line]:
    """Return the lines on the first fault in full, and one on each of the others."""
    if not found:
        if laid := [*_of_layouts(verdict)]:
            yield from laid
        elif worst := _worst_of_all(verdict):
            yield worst
        return
    first, *others = found
    yield from lines_of(verdict, first)
    for other in others[:LINES]:
        yield Line("also", (Part(brief(verdict, other), level=_only(other)),))
    if len(others) > LINES:
        yield Line("also", (Part(f"{count(len(others) - LINES, 'further fault')} (-v)"),))
    yield from _rest(verdict, found)


def _of_layouts(verdict: CaseVerdict) -> Iterator[Line]:
    """Return why layouts make functions wrong, and what is right all the same."""
    for seen in verdict.layouts.values():
        wrong = seen.wrong.values()
        told = [one.cause for one in wrong] + [one.right for one in wrong]
        if said := "; ".join(one for one in dict.fromkeys(told) if one):
            yield Line("cause", (Part(said),))


def _only(fault: Fault) -> Level:
    return "plain" if fault.comparison.agrees else level_of(fault.comparison)


def lines_of(verdict: CaseVerdict, fault: Fault) -> Iterator[Line]:
    """Return the cause, the first divergence and the worst element of one fault."""
    if told := cause(verdict, fault):
        yield Line("", (Part(told),))
    if known := verdict.known.get(fault.worst[:2]):
        yield Line("expected", (Part(known),))
    if begins := divergence(verdict, fault):
        yield Line("first divergence", (Part(begins),))
    if worst := worst_line(verdict, fault):
        yield worst
    found = fault.comparison.statistics
    if found.cosine is not None and not fault.comparison.agrees and _are_arrays(verdict):
        norms = f"norms {short(found.norm_actual)} and {short(found.norm_expected)}"
        yield Line("as a whole", (Part(f"cosine {found.cosine:.6f}, {norms}"),))


def _are_arrays(verdict: CaseVerdict) -> bool:
    """Whether a side is arrays alone, of which nothing else is known: they declare no dtype."""
    return any(not recording.dtype for recording in verdict.recordings.values())


def divergence(verdict: CaseVerdict, fault: Fault) -> str:
    """Describe where two sides first part: forward or backward, at which node; may be empty."""
    pair, name, comparison = fault.worst
    found = verdict.divergences.get(pair, {}).get(name)
    if comparison.agrees or found is None or found.origin is None:
        return ""
    compared = verdict.comparisons[pair]
    given = " among what was given" if verdict.not_given.get(pair) else ""
    values = [n for n in compared if not n.startswith("d ") and not is_derived(n)]
    if found.forward:
        lost = any(compared[other].verdict.reason == "missing" for other in values)
        before = "" if lost else "; what it is made from agrees"
        return f"forward, at {found.forward}{given or before}"
    fine = values and all(compared[other].agrees for other in values)
    own = compared.get((found.backward or "").removeprefix("d "))
    agree = (
        "; all forward values agree" if fine else "; its value agrees" if own and own.agrees else ""
    )
    return f"backward, at {found.backward}{given or agree}"


def worst_line(verdict: CaseVerdict, fault: Fault) -> Line | None:
    """Return the worst element: who has what there, how far apart, and what is allowed."""
    _, name, comparison = fault.worst
    worst = comparison.worst
    parts = list(_values(verdict, fault))
    if worst is None or not parts:
        return None
    several = len(verdict.tensors) > 1 and (len(fault.names) > 1 or comparison.agrees)
    at = index(worst.index) if worst.index else ""
    where = f"{name}{at}" if several else at
    if shown := truth(verdict, fault) or far(comparison):
        parts.append(Part(shown))
    return Line(f"worst {where}".strip(), tuple(parts))


def _values(verdict: CaseVerdict, fault: Fault) -> Iterator[Part]:
    """Yield what each group has: ``torch 0.5``; of several backends ``NaN: numpy, jax``."""
    found = standings(verdict, fault)
    alone = all(len(one.labels) == 1 for one in found)
    for number, one in enumerate(found):
        who = names(one.labels)
        start = len(who) + 1 if alone else 0
        start, end = (start + place for place in one.mark)
        yield Part(
            f"{who} {one.value}" if alone else f"{one.value}: {who}",
            ((start, end),) if start < end else (),
            "disagree" if one.wrong and not fault.comparison.agrees else "plain",
            GAP if alone or not number else BAR,
        )


def truth(verdict: CaseVerdict, fault: Fault) -> str:
    """Describe what would be right, where a NaN has no difference to speak of; else nothing."""
    found, worst = verdict.groups.get(fault.name), fault.comparison.worst
    if found is None or found.truth is None or worst is None or math.isfinite(worst.absolute):
        return ""
    low, high = (one.text for one in beside(found.truth))
    return f"the derivative is {low}" if low == high else f"{low} to {high} would be right"


def _worst_of_all(verdict: CaseVerdict) -> Line | None:
    """Return the worst element of a case that agrees; None where all is equal."""
    found = [one for one in findings(verdict) if one[2].worst]
    if not found:
        return None
    shown = worst_among(found)
    worst = shown[2].worst
    if worst is None or not worst.absolute:
        return None
    return worst_line(verdict, Fault((shown[1],), shown))


def _rest(verdict: CaseVerdict, found: Sequence[Fault]) -> Iterator[Line]:
    """Return a line on what follows from the first fault, and on what agrees."""
    parts = []
    first = found[0]
    if first.follow:
        tensors = count(len(first.follow), "downstream tensor")
        verb = "follows" if len(first.follow) == 1 else "follow"
        parts.append(f"{tensors} {verb} from it: {named(first.follow)}")
    odd = {name for one in found for name in (*one.names, *one.follow)}
    if right := [name for name in verdict.tensors if name not in odd]:
        verb = "agrees" if len(right) == 1 else "agree"
        tensors = count(len(right), "other tensor")
        parts.append(f"{tensors} {verb}{natures(verdict, right)}")
    if parts:
        yield Line("", tuple(Part(one) for one in parts))


def named(names: Sequence[str]) -> str:
    """Name a few tensors, and count the others."""
    more = len(names) - NAMES
    shown = ", ".join(names[:NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def natures(verdict: CaseVerdict, names: Iterable[str]) -> str:
    """Describe what tensors that agree are off by: ``(rounding, at most 1.5 × noise)``."""
    wanted = {*names}
    among = [one for _, name, one in findings(verdict) if name in wanted]
    if all(not one.statistics.max_absolute and one.verdict.reason == "exact" for one in among):
        return " exactly"
    reasons = sorted({one.verdict.reason for one in among} - {"exact", "empty"})
    said = [WITHIN.get(reason, reason) for reason in reasons]
    return f" ({listed(said)}{measured(among)})" if said else ""


def measured(among: Iterable[Comparison]) -> str:
    """Describe the largest noise that was measured; empty where none was."""
    noises = [one.noise.multiple for one in among if one.noise and not one.noise.bound]
    finite = [noise for noise in noises if math.isfinite(noise)]
    return f", measured up to {multiple(max(finite))} × noise" if finite else ""


def _beside(verdict: CaseVerdict) -> Iterator[Line]:
    """Return what has to be known besides: who is not there, what judged, what is not known."""
    for failure in verdict.failures:
        optional = "" if failure.required else ", optional"
        text = f"{failure.backend} {failure.kind}{optional}: {failure.message}"
        yield Line("not compared", (Part(" ".join(text.split())),))
    for text in verdict.outdated:
        yield Line("outdated", (Part(text),))
    if verdict.not_auto:
        yield Line("tolerance", (Part(verdict.not_auto),))
    for text in verdict.untold:
        yield Line("not known", (Part(text),))
    yield from _recorded(verdict)


def _recorded(verdict: CaseVerdict) -> Iterator[Line]:
    """Return what differs between two saved recordings beside their numbers, of the first two."""
    held = verdict.recordings
    for pair in verdict.comparisons:
        sides = [held[label] for label in (pair.actual, pair.expected) if label in held]
        if len(sides) == 2 and all(map(is_saved, sides)):
            rows = list(differences(sides[0], sides[1]))
            days = [f"on {mine} | {theirs}" for what, mine, theirs in rows if what == DAY]
            rows = [row for row in rows if row[0] != DAY]
            if sides[0].backend != sides[1].backend:  # what only one of them has says no more
                rows = [row for row in rows if ABSENT not in row]
            told = [f"{what} {mine} | {theirs}" for what, mine, theirs in rows[:LINES]]
            if len(rows) > LINES:
                told.append(f"and {len(rows) - LINES} more (-v)")
            told = told or ["in the same environment"]
            yield Line("recorded", tuple(Part(one) for one in (*days, *told)))
            return


def _reserved(verdict: CaseVerdict) -> Iterator[Line]:
    """Return what could not have failed, and what is not the same in each run."""
    if verdict.unexpected:
        return  # the details have it
    weak: dict[str, list[str]] = {}
    for name in verdict.weak:
        weak.setdefault(passed(verdict, name), []).append(name)
    for text, tensors in weak.items():
        yield Line("weak check", (Part(f"{named(tensors)}: {text}"),))
    for label, by in verdict.unsteady.items():
        text = f"{label} is not deterministic in {named([*by])}"
        yield Line("runs", (Part(text),))
