"""Everything that the table knows, for machines: strict JSON under a versioned schema.

Numbers that JSON cannot write are the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``,
wherever they occur. Keys come in a fixed order. Arrays larger than the heat map's are not part of
a report: recordings hold them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from gradcmp.errors import ExitCode, Location
from gradcmp.judge.blame import Groups
from gradcmp.judge.comparison import Comparison, Element
from gradcmp.judge.verdict import CaseVerdict, Divergence, Finding, Layouts, Pair
from gradcmp.keys import JSON
from gradcmp.recording import Array, Failure, Recording, case_to_facts
from gradcmp.report.answer.build import answer
from gradcmp.report.answer.records import Answer
from gradcmp.report.words.places import holds
from gradcmp.report.words.sentence import MARKS, Tally

SCHEMA = "gradcmp/report/1"
DEEP = 6  # report, cases, case, pairs, pair, tensors: what is inside is one comparison


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Return the report as JSON text in ASCII, ending in a newline; a comparison is one line."""
    tally = Tally.of(verdicts)
    facts = {
        "schema": SCHEMA,
        "exit_code": int(tally.exit_code),
        "summary": {
            "cases": tally.cases,
            "agree": tally.agree,
            "disagree": tally.disagree,
            "could_not_compare": tally.failed,
            "weak_checks": tally.weak,
        },
        "cases": [
            {**of_case(verdict), "answer": of_answer(answer(verdict))} for verdict in verdicts
        ],
    }
    return f"{laid_out(facts, 0)}\n"


def laid_out(fact: Any, depth: int) -> str:
    """Write a fact with a line for each of its parts, and on one line what is `DEEP` inside.

    The standard library's indented form takes many times as long, and sets every number of a
    comparison on a line of its own.
    """
    if depth == DEEP or not fact or not isinstance(fact, (dict, list)):
        return compact(fact)
    if isinstance(fact, dict):
        ends = "{}"
        parts = [f"{json.dumps(key)}: {laid_out(part, depth + 1)}" for key, part in fact.items()]
    else:
        ends = "[]"
        parts = [laid_out(part, depth + 1) for part in fact]
    line = "\n" + " " * (depth + 1)
    return f"{ends[0]}{line}{f',{line}'.join(parts)}{line[:-1]}{ends[1]}"


def compact(fact: Any) -> str:
    """Write a fact on one line."""
    try:
        return json.dumps(fact, allow_nan=False)
    except ValueError:  # seldom: looking at every number beforehand would take longer
        return json.dumps(strict(fact), allow_nan=False)


def strict(fact: Any) -> Any:
    """Replace what JSON cannot write: NaN and the infinities become strings."""
    if isinstance(fact, float) and not math.isfinite(fact):
        return "NaN" if math.isnan(fact) else "Infinity" if fact > 0 else "-Infinity"
    if isinstance(fact, Mapping):
        return {key: strict(value) for key, value in fact.items()}
    if isinstance(fact, (list, tuple)):
        return [strict(value) for value in fact]
    return fact


def of_case(verdict: CaseVerdict) -> dict[str, Any]:
    """Return the facts of one case."""
    held = Held({label: one.tensors for label, one in verdict.recordings.items()})
    return {
        **case_to_facts(verdict.case, JSON),
        "where": of_place(verdict.case.where),
        "reference": verdict.reference,
        "verdict": MARKS[verdict.exit_code].word,
        "exit_code": int(verdict.exit_code),
        "tensors": verdict.tensors,
        "weak": verdict.weak,
        "teeth": {name: dict(teeth.survivors) for name, teeth in verdict.sensitivity.items()},
        "backends": [of_recording(label, r) for label, r in verdict.recordings.items()],
        "failures": [of_failure(failure) for failure in verdict.failures],
        "outdated": verdict.outdated,
        "not_auto": verdict.not_auto,
        "untold": list(verdict.untold),
        "runs": verdict.runs,
        "unsteady": {
            label: {name: found.statistics.max_ulp for name, found in by.items()}
            for label, by in verdict.unsteady.items()
        },
        "stages": {
            label: [vars(stage) for stage in found] for label, found in verdict.stages.items()
        },
        "notes": {label: list(said) for label, said in verdict.notes.items()},
        "isolated": {node: of_case(alone) for node, alone in verdict.isolated.items()},
        "smallest": verdict.smallest,
        "by_layout": {label: of_layouts(seen) for label, seen in verdict.layouts.items()},
        "groups": {name: of_groups(groups) for name, groups in verdict.groups.items()},
        "pairs": [of_pair(verdict, pair, held) for pair in verdict.comparisons],
    }


def of_answer(told: Answer) -> dict[str, Any]:
    """Return the answer as it stands on a screen: what is wrong, who, where it begins."""
    return {
        "code": told.code,
        "title": told.title,
        "lines": [{"label": line.label, "text": line.said} for line in told.lines],
        "faults": [
            {
                "tensors": fault.names,
                "wrong": fault.wrong,
                "pair": (fault.pair.actual, fault.pair.expected),
                "follow": fault.follow,
            }
            for fault in told.faults
        ],
    }


def of_layouts(seen: Layouts) -> dict[str, Any]:
    """Return how a function fares when its arguments lie in memory otherwise."""
    wrong = {
        words: {"right": one.right, "cause": one.cause, **of_case(one.verdict)}
        for words, one in seen.wrong.items()
    }
    return {"right": seen.right, "wrong": wrong, "left_out": dict(seen.left_out)}


def of_place(where: Location | None) -> dict[str, Any] | None:
    """Return the place in a file."""
    return {"file": where.file, "line": where.line} if where else None


def of_recording(label: str, recording: Recording) -> dict[str, Any]:
    """Return what a backend computed with."""
    return {
        "label": label,
        "dtype": recording.dtype,
        "environment": dict(recording.environment),
        "timings": dict(recording.timings),
    }


def of_failure(failure: Failure) -> dict[str, Any]:
    """Return why a backend computed nothing."""
    return {
        "backend": failure.backend,
        "kind": failure.kind,
        "message": failure.message,
        "stderr": failure.stderr,
        "required": failure.required,
    }


def of_groups(groups: Groups) -> dict[str, Any]:
    """Return who computed the same of a tensor, and who is off the derivative."""
    return {
        "index": groups.index,
        "derivative": groups.truth,
        "groups": [vars(group) for group in groups.groups],
        "wrong": groups.wrong,
    }


def of_pair(verdict: CaseVerdict, pair: Pair, held: Held) -> dict[str, Any]:
    """Return all comparisons of a pair; its verdict is null when nothing was compared."""
    by = verdict.comparisons[pair]
    return {
        "actual": pair.actual,
        "expected": pair.expected,
        "verdict": _word(all(comparison.agrees for comparison in by.values())) if by else None,
        "tensors": [
            of_comparison(verdict, pair, name, comparison, held) for name, comparison in by.items()
        ],
        "not_given": verdict.not_given.get(pair, ()),
    }


def of_comparison(
    verdict: CaseVerdict, pair: Pair, name: str, comparison: Comparison, held: Held
) -> dict[str, Any]:
    """Return one comparison, with the worst element as every backend has it."""
    statistics = comparison.statistics
    return {
        "name": name,
        "verdict": _word(comparison.agrees),
        "reason": comparison.verdict.reason,
        "detail": comparison.verdict.detail,
        "rule": comparison.rule,
        "total": statistics.total,
        "disagreeing": comparison.disagreeing,
        "share": comparison.share,
        "equal": statistics.equal,
        "nonfinite": statistics.nonfinite,
        "octaves": statistics.ulp_histogram,
        "max_absolute": statistics.max_absolute,
        "max_relative": statistics.max_relative,
        "max_ulp": statistics.max_ulp,
        "norm_actual": statistics.norm_actual,
        "norm_expected": statistics.norm_expected,
        "cosine": statistics.cosine,
        "noise": comparison.noise and vars(comparison.noise),
        **of_finding(verdict.findings.get(pair, {}).get(name)),
        "first_parts": of_divergence(verdict.divergences.get(pair, {}).get(name)),
        "known": verdict.known.get((pair, name)),
        "worst": comparison.worst and of_element(name, comparison.worst, held),
        "excess": None if comparison.excess is None else comparison.excess.tolist(),
    }


def of_finding(finding: Finding | None) -> dict[str, Any]:
    """Return the likely causes, the side that is off, and where they disagree."""
    found = finding or Finding()
    causes = [vars(cause) for cause in found.causes]
    return {"causes": causes, "side": found.side, "where": found.where}


def of_divergence(divergence: Divergence | None) -> dict[str, Any] | None:
    """Return where the two sides first part on the way to a tensor."""
    return None if divergence is None else vars(divergence)


def of_element(name: str, worst: Element, held: Held) -> dict[str, Any]:
    """Return one element: the pair's two values, and every backend's that has such an element."""
    return {
        "index": worst.index,
        "actual": worst.actual,
        "expected": worst.expected,
        "absolute": worst.absolute,
        "relative": worst.relative,
        "ulp": worst.ulp,
        "allowed": worst.allowed,
        "excess": worst.excess,
        "values": held.values_at(name, worst.index),
    }


class Held:
    """What the backends have, by label and tensor; an element is looked up once for all pairs."""

    def __init__(self, tensors: Mapping[str, Mapping[str, Array]]) -> None:
        self._tensors = tensors
        self._found: dict[tuple[str, tuple[int, ...]], dict[str, Any]] = {}

    def values_at(self, name: str, index: tuple[int, ...]) -> dict[str, Any]:
        """Return one element of a tensor as every backend has it that has one."""
        found = self._found.get((name, index))
        if found is None:
            arrays = {label: by[name] for label, by in self._tensors.items() if name in by}
            found = self._found[name, index] = {
                label: array[index].item()
                for label, array in arrays.items()
                if holds(array.shape, index)
            }
        return found


def _word(agrees: bool) -> str:
    return MARKS[ExitCode.AGREE if agrees else ExitCode.DISAGREE].word
