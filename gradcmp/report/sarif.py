"""SARIF 2.1.0, for code scanning: a result for each disagreement, on the line where it begins."""

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
from gradcmp.report import codes
from gradcmp.report.words.judgement import causes, facts
from gradcmp.report.words.sentence import Tally, sentence
from gradcmp.report.words.source import line_of
from gradcmp.report.words.weak import passed
from gradcmp.version import VERSION

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
HOME = "https://github.com/gradcmp/gradcmp"
# What a result can be: what could not be compared is a notification.
RULES = tuple(one for one in codes.TABLE if not one.code.startswith("GC3"))
INDEX = {rule.name: number for number, rule in enumerate(RULES)}


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Return the log as JSON text.

    Disagreements are errors, reservations warnings; what is known is suppressed with its reason.
    A case that fails for anything else is a notification of the tool, and so is no case at all.
    """
    code = Tally.of(verdicts).exit_code
    driver = {
        "name": "gradcmp",
        "semanticVersion": VERSION,
        "informationUri": HOME,
        "rules": [described(rule) for rule in RULES],
    }
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


def described(rule: codes.Explanation) -> dict[str, Any]:
    """Return a rule as code scanning shows it beside each of its results."""
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.meaning},
        "help": {"text": rule.remedy},
        "helpUri": rule.link,
    }


def results(verdict: CaseVerdict) -> Iterator[dict[str, Any]]:
    """Return what disagrees, what warns and what is weak."""
    for pair, name, comparison in (*verdict.disagreements, *verdict.warnings):
        yield result(verdict, pair, name, comparison)
    for name in verdict.weak:
        text = f"{verdict.case.name}: {name} is a weak check: {passed(verdict, name)}"
        where = verdict.case.where
        yield finding(verdict, codes.WEAK, verdict.case.strict, text, (codes.WEAK, name), where)


def result(verdict: CaseVerdict, pair: Pair, name: str, comparison: Comparison) -> dict[str, Any]:
    """Return one comparison."""
    case = verdict.case
    said = "; ".join(facts(verdict, pair, name, comparison))
    text = ". ".join([f"{case.name}: {name}{said}", *causes(verdict, pair, name)])
    known = verdict.known.get((pair, name))
    fails = not comparison.agrees or case.strict
    identity, where = (pair.actual, pair.expected, name), line_of(verdict, pair, name)
    return {
        **finding(verdict, comparison.verdict.reason, fails, text, identity, where),
        **({"suppressions": [{"kind": "external", "justification": known}]} if known else {}),
    }


def finding(
    verdict: CaseVerdict,
    rule: str,
    fails: bool,
    text: str,
    identity: Sequence[str],
    where: Location | None,
) -> dict[str, Any]:
    """Return a result of a rule, by its name; its fingerprint outlives lines that move."""
    named = json.dumps([verdict.case.name, *identity])
    return {
        "ruleId": codes.code(rule),
        "ruleIndex": INDEX[rule],
        "level": "error" if fails else "warning",
        **told(text, where),
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
    if not where:
        return message
    path = Path(where.file)
    uri = path.as_uri() if path.is_absolute() else quote(fsencode(path.as_posix()))
    region = {} if where.line is None else {"region": {"startLine": where.line}}
    place = {"physicalLocation": {"artifactLocation": {"uri": uri}, **region}}
    return {**message, "locations": [place]}
