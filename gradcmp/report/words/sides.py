"""The sides of a pair: who is wrong, so that the right one beside it is not red; what one lacks."""

from __future__ import annotations

from collections.abc import Iterator

from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.report.words.judgement import Level, Remark, level_of

NAMES = 30  # of tensors that one side did not give
WRONG = "wrong"  # in the column of a reference that is


def level_beside(verdict: CaseVerdict, pair: Pair, name: str) -> Level:
    """Return how one comparison looks in the column of whoever is held against the reference.

    It is *apart*, no failure of that side, where the reference alone is known to be wrong. Who is
    wrong together with the reference, as with a NaN that others do not have, is so in red.
    """
    comparison = verdict.comparisons[pair][name]
    wrong = verdict.wrong_sides(pair, name)
    if not comparison.agrees and wrong == (verdict.reference,):
        return "apart"
    together = len(wrong) == 2 and comparison.verdict.warns
    return "disagree" if together and name in wrong_in(verdict) else level_of(comparison)


def wrong_in(verdict: CaseVerdict) -> tuple[str, ...]:
    """Return the tensors in which the reference is known to be wrong."""
    return tuple(
        name
        for name in verdict.tensors
        if any(
            verdict.reference in verdict.wrong_sides(pair, name)
            for pair, by in verdict.comparisons.items()
            if name in by and not by[name].agrees
        )
    )


def unknown(verdict: CaseVerdict) -> Iterator[Remark]:
    """Name what one side did not give: of that nothing is known."""
    for pair, names in verdict.not_given.items():
        held = {label: verdict.recordings[label].tensors for label in (pair.actual, pair.expected)}
        without = next(label for label, tensors in held.items() if names[0] not in tensors)
        more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
        body = f" did not give {', '.join(names[:NAMES])}{more}: of these nothing is known"
        yield Remark("unknown", "", without, body)


def stages(verdict: CaseVerdict) -> Iterator[Remark]:
    """Return at which stage of a compiler a side begins to be wrong, or to fail."""
    for label, (first, *others) in verdict.stages.items():
        failed = label not in verdict.recordings
        begin = next((stage for stage in others if stage.wrong), None)
        if begin is None or first.wrong:
            does = "fails" if failed else "differs as much"
            yield Remark("unknown", "", label, f" {does} in {first.mode}: it is not the compiler")
            continue
        right = ", ".join(stage.mode for stage in (first, *others) if stage.wrong is False)
        does = "fails" if failed else "is wrong"
        body = f" {does} from {begin.mode} on: {begin.adds}"
        yield Remark("disagree", "", label, f"{body}; not in {right}" if right else body)


def notes(verdict: CaseVerdict) -> Iterator[Remark]:
    """Return what else is to be said of a side."""
    for label, said in verdict.notes.items():
        for one in said:
            yield Remark("warn", "", label, f" {one}")
