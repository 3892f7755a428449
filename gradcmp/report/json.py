"""Everything that the table knows, for machines: strict JSON under a versioned schema.

Numbers that JSON cannot write are the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``,
wherever they occur. Keys come in a fixed order. Arrays larger than the heat map's are not part of
a report: recordings hold them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gradcmp.case import Case
from gradcmp.errors import ExitCode, Location
from gradcmp.judge.records import CaseVerdict, Comparison, Element, Finding, Pair
from gradcmp.recording import Failure, Recording
from gradcmp.report.places import holds
from gradcmp.report.sentence import MARKS, Tally

SCHEMA = "gradcmp/report/1"


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Give the report as JSON text in ASCII, ending in a newline."""
    tally = Tally.of(verdicts)
    facts = {
        "schema": SCHEMA,
        "exit_code": int(tally.exit_code),
        "summary": {
            "cases": tally.cases,
            "agree": tally.agree,
            "disagree": tally.disagree,
            "could_not_compare": tally.failed,
        },
        "cases": [of_case(verdict) for verdict in verdicts],
    }
    return json.dumps(strict(facts), indent=2, allow_nan=False) + "\n"


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
    """Give the facts of one case."""
    return {
        **of_question(verdict.case),
        "reference": verdict.reference,
        "verdict": MARKS[verdict.exit_code].word,
        "exit_code": int(verdict.exit_code),
        "tensors": verdict.tensors,
        "teeth": {name: dict(teeth.survivors) for name, teeth in verdict.teeth.items()},
        "backends": [of_recording(label, r) for label, r in verdict.recordings.items()],
        "failures": [of_failure(failure) for failure in verdict.failures],
        "pairs": [of_pair(verdict, pair) for pair in verdict.comparisons],
    }


def of_question(case: Case) -> dict[str, Any]:
    """Give what was asked."""
    return {
        "name": case.name,
        "description": case.description,
        "where": of_place(case.where),
        "seed": case.seed,
        "dtype": case.dtype,
        "inputs": {
            name: {"kind": spec.kind, "shape": spec.shape} for name, spec in case.inputs.items()
        },
        "graph": {name: expression.text for name, expression in case.graph.items()},
        "output": case.output,
        "wrt": case.wrt,
        "cotangent": case.cotangent,
    }


def of_place(where: Location | None) -> dict[str, Any] | None:
    """Give the place in a file."""
    return None if where is None else {"file": where.file, "line": where.line}


def of_recording(label: str, recording: Recording) -> dict[str, Any]:
    """Give what a backend computed with."""
    return {
        "label": label,
        "dtype": recording.dtype,
        "environment": recording.environment,
        "timings": recording.timings,
    }


def of_failure(failure: Failure) -> dict[str, Any]:
    """Give why a backend computed nothing."""
    return {
        "backend": failure.backend,
        "kind": failure.kind,
        "message": failure.message,
        "stderr": failure.stderr,
        "required": failure.required,
    }


def of_pair(verdict: CaseVerdict, pair: Pair) -> dict[str, Any]:
    """Give all comparisons of a pair; its verdict is null when nothing was compared."""
    by = verdict.comparisons[pair]
    return {
        "actual": pair.actual,
        "expected": pair.expected,
        "verdict": _word(all(comparison.agrees for comparison in by.values())) if by else None,
        "tensors": [
            of_comparison(verdict, pair, name, comparison) for name, comparison in by.items()
        ],
    }


def of_comparison(
    verdict: CaseVerdict, pair: Pair, name: str, comparison: Comparison
) -> dict[str, Any]:
    """Give one comparison, with the worst element as every backend has it."""
    return {
        "name": name,
        "verdict": _word(comparison.agrees),
        "reason": comparison.verdict.reason,
        "detail": comparison.verdict.detail,
        "rule": comparison.rule,
        "total": comparison.total,
        "disagreeing": comparison.disagreeing,
        "share": comparison.share,
        "equal": comparison.equal,
        "nonfinite": comparison.nonfinite,
        "octaves": comparison.octaves,
        "max_absolute": comparison.max_absolute,
        "max_relative": comparison.max_relative,
        "max_ulp": comparison.max_ulp,
        "noise": comparison.noise and asdict(comparison.noise),
        **of_finding(verdict.findings.get(pair, {}).get(name)),
        "worst": comparison.worst and of_element(verdict, name, comparison.worst),
        "excess": None if comparison.excess is None else comparison.excess.tolist(),
    }


def of_finding(finding: Finding | None) -> dict[str, Any]:
    """Give the likely causes and the side that is off."""
    found = finding or Finding()
    return {"causes": [asdict(cause) for cause in found.causes], "side": found.side}


def of_element(verdict: CaseVerdict, name: str, worst: Element) -> dict[str, Any]:
    """Give one element: the pair's two values, and every backend's that has such an element."""
    arrays = {
        label: r.tensors[name] for label, r in verdict.recordings.items() if name in r.tensors
    }
    return {
        "index": worst.index,
        "actual": worst.actual,
        "expected": worst.expected,
        "absolute": worst.absolute,
        "relative": worst.relative,
        "ulp": worst.ulp,
        "allowed": worst.allowed,
        "excess": worst.excess,
        "values": {
            label: array[worst.index].item()
            for label, array in arrays.items()
            if holds(array.shape, worst.index)
        },
    }


def _word(agrees: bool) -> str:
    return MARKS[ExitCode.AGREE if agrees else ExitCode.DISAGREE].word
