"""SARIF 2.1.0, for code scanning: a result for each disagreement, on the line of its case."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from os import fsencode
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gradcmp.errors import ExitCode, Location
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.report.words.judgement import causes, facts
from gradcmp.report.words.sentence import Tally, sentence
from gradcmp.report.words.weak import passed
from gradcmp.version import VERSION

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
WEAK = "weak"
RULES = {  # by reason; what disagrees or warns can have no other
    "tolerance": "beyond the tolerance",
    "non-finite": "a NaN or infinity that is not matched",
    "shape": "another shape",
    "dtype": "another dtype",
    "missing": "a tensor that only one side has",
    "empty": "no elements to hold against each other",
    "precision": "above the noise threshold, and it shrinks in float64 as rounding does",
    "note": "a real difference that hides below the noise of the dtype",
    "kink": "a non-differentiable point (tie): another subgradient",
    "range": "overflowed the dtype",
    "suspect": "above the noise threshold, and no float64 run could tell why",
    "bug": "above the noise threshold, and float64 does not change it",
    WEAK: "a check that a wrong gradient would have passed, too",
}


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Return the log as JSON text.

    Disagreements are errors, reservations warnings; what is known is suppressed with its reason.
    A case that fails for anything else is a notification of the tool, and so is no case at all.
    """
    code = Tally.of(verdicts).exit_code
    rules = [{"id": key, "shortDescription": {"text": text}} for key, text in RULES.items()]
    driver = {"name": "gradcmp", "semanticVersion": VERSION, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": code is not ExitCode.COULD_NOT_COMPARE,
                "exitCode": int(code),
                "toolExecutionNotifications": list(notifications(verdicts)),
            }
        ],
        "results": [result for verdict in verdicts for result in results(verdict)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def results(verdict: CaseVerdict) -> Iterator[dict[str, Any]]:
    """Return what disagrees, what warns and what is weak."""
    for pair, name, comparison in (*verdict.disagreements, *verdict.warnings):
        yield result(verdict, pair, name, comparison)
    for name in verdict.weak:
        text = f"{verdict.case.name}: {name} is a weak check: {passed(verdict, name)}"
        yield finding(verdict, WEAK, verdict.case.strict, text, (WEAK, name))


def result(verdict: CaseVerdict, pair: Pair, name: str, comparison: Comparison) -> dict[str, Any]:
    """Return one comparison."""
    case = verdict.case
    said = "; ".join(facts(verdict, pair, name, comparison))
    text = ". ".join([f"{case.name}: {name}{said}", *causes(verdict, pair, name)])
    known = verdict.known.get((pair, name))
    fails = not comparison.agrees or case.strict
    identity = (pair.actual, pair.expected, name)
    return {
        **finding(verdict, comparison.verdict.reason, fails, text, identity),
        **({"suppressions": [{"kind": "external", "justification": known}]} if known else {}),
    }


def finding(
    verdict: CaseVerdict, rule: str, fails: bool, text: str, identity: Sequence[str]
) -> dict[str, Any]:
    """Return a result of a rule; its fingerprint outlives lines that move."""
    named = json.dumps([verdict.case.name, *identity])
    return {
        "ruleId": rule,
        "ruleIndex": list(RULES).index(rule),
        "level": "error" if fails else "warning",
        **told(text, verdict.case.where),
        "partialFingerprints": {"comparison/v1": sha256(named.encode()).hexdigest()},
    }


def notifications(verdicts: Sequence[CaseVerdict]) -> Iterator[dict[str, Any]]:
    """Report backends that gave nothing, and of what fails without a disagreement."""
    if not verdicts:
        yield {"level": "error", **told(str(Tally.of(())), None)}
    for verdict in verdicts:
        for failure in verdict.failures:
            level = "error" if failure.required else "note"
            text = f"{verdict.case.name}: {failure.backend} {failure.kind}: {failure.message}"
            yield {"level": level, **told(text, verdict.case.where)}
        if verdict.exit_code is not ExitCode.AGREE and not verdict.unexpected:
            text = f"{verdict.case.name}: {sentence(verdict)}"
            yield {"level": "error", **told(text, verdict.case.where)}


def told(text: str, where: Location | None) -> dict[str, Any]:
    """Return a message, in which no name makes a link, and its place; the path is a URI."""
    message = {"message": {"text": text.replace("](", "] (")}}
    if where is None:
        return message
    path = Path(where.file)
    uri = path.as_uri() if path.is_absolute() else quote(fsencode(path.as_posix()))
    region = {} if where.line is None else {"region": {"startLine": where.line}}
    place = {"physicalLocation": {"artifactLocation": {"uri": uri}, **region}}
    return {**message, "locations": [place]}
