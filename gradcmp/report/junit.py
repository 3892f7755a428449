"""JUnit XML, as most CI systems read it: a suite per case, a test case per pair of backends.

It is valid against the schemas of Ant (Windy Road's JUnit.xsd) and of Jenkins (junit-10.xsd):
hence the empty elements, and what warns goes to the suite's ``system-out``.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.outside.printable import clean_lines
from gradcmp.recording import Failure
from gradcmp.report.screen.plain import Screen
from gradcmp.report.words.faults import Finding, worst_among
from gradcmp.report.words.judgement import facts
from gradcmp.report.words.layouts import layouts, wrong_layouts
from gradcmp.report.words.sentence import MARKS, Tally, located, sentence
from gradcmp.report.words.weak import passed

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
COUNTS = {"failure": "failures", "error": "errors", "skipped": "skipped"}
TAGS = {ExitCode.DISAGREE: "failure", ExitCode.COULD_NOT_COMPARE: "error"}
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Return the report as XML, ending in a newline.

    A comparison that disagrees is a failure, a backend that gave nothing an error; one that was
    optional and is absent is skipped. Nothing compared is an error too: no test is no success.
    """
    root, screen = Element("testsuites"), Screen()
    for number, verdict in enumerate(verdicts):
        root.append(suite(number, verdict, screen))
    if not verdicts:
        empty = _suite(0, "gradcmp", "gradcmp", 0.0)
        _problem(_test(empty, "gradcmp", "cases", 0.0), "error", "nothing", str(Tally.of(())), "")
        root.append(_finished(empty, (), ()))
    indent(root)
    return f"{HEAD}{tostring(root, encoding='unicode')}\n"


def suite(number: int, verdict: CaseVerdict, screen: Screen) -> Element:
    """Return one case."""
    case, where, times = verdict.case.name, verdict.case.where, seconds(verdict)
    found = _suite(number, case, where.file if where else "gradcmp", sum(times.values()))
    if where:
        SubElement(found[0], "property", name="where", value=xml(str(where)))
    wrong: dict[Pair, list[Finding]] = {pair: [] for pair in verdict.comparisons}
    for one in verdict.unexpected:
        wrong[one[0]].append(one)
    for pair, disagreeing in wrong.items():
        test = _test(found, case, str(pair), times[pair.actual])
        if disagreeing:
            reason = disagreeing[0][2].verdict.reason
            text = screen.of_pair(verdict, pair, disagreeing)
            _problem(test, "failure", reason, located(worst_among(disagreeing)), text)
        elif not verdict.comparisons[pair]:
            _problem(test, "error", "nothing", "nothing was compared with anything", "")
    for label, seen in verdict.layouts.items():
        for remark in wrong_layouts(label, seen):
            test = _test(found, case, f"{label} in other layouts", 0.0)
            text = "\n".join((remark.text, *remark.below))
            _problem(test, "failure", "layout", remark.text, text)
    for failure in verdict.failures:
        lost(_test(found, case, failure.backend, 0.0), failure, screen)
    tag = TAGS.get(verdict.exit_code)
    if tag and found.find(f"testcase/{tag}") is None:  # nothing above has said it
        text = screen.of_case(verdict)
        word = MARKS[verdict.exit_code].word
        _problem(_test(found, case, "case", 0.0), tag, word, sentence(verdict), text)
    errors = (screen.of_failure(failure) for failure in verdict.failures)
    return _finished(found, notes(verdict), errors)


def lost(test: Element, failure: Failure, screen: Screen) -> None:
    """Describe in a test case why a backend gave nothing."""
    if failure.kind == "absent" and not failure.required:
        SubElement(test, "skipped", message=xml(failure.message))
    else:
        _problem(test, "error", failure.kind, failure.message, screen.of_failure(failure))


def notes(verdict: CaseVerdict) -> Iterator[str]:
    """Describe, a line each, what warns, what is known, and which gradients could not fail."""
    known = (found for found in verdict.disagreements if found[:2] in verdict.known)
    for pair, name, comparison in (*known, *verdict.warnings):
        said = "; ".join(facts(verdict, pair, name, comparison))
        yield f"{comparison.verdict.reason}: {name}{said}"
    for label in verdict.unsteady:
        yield f"{label} is not deterministic"
    yield from (remark.text for remark in layouts(verdict) if remark.level == "plain")
    for name in verdict.weak:
        yield f"{name} is a weak check: {passed(verdict, name)}"


def seconds(verdict: CaseVerdict) -> dict[str, float]:
    """Return how long each backend was at work on the case.

    Its total has the parts in it; importing a framework is no part of a case, since a worker does
    it once for all of them.
    """
    return {label: r.timings.get("total", 0.0) for label, r in verdict.recordings.items()}


def xml(text: str) -> str:
    """Spell out control characters, and what XML cannot hold."""
    return NOT_XML.sub(lambda match: ascii(match[0])[1:-1], clean_lines(text))


def _suite(number: int, name: str, package: str, taken: float) -> Element:
    now = datetime.now(timezone.utc).replace(tzinfo=None).isoformat(timespec="seconds")
    found = Element(
        "testsuite",
        id=str(number),
        name=xml(name) or "gradcmp",
        package=xml(package),
        timestamp=now,
        hostname=xml(platform.node()) or "localhost",
        time=f"{taken:.3f}",
    )
    SubElement(found, "properties")
    return found


def _finished(found: Element, out: Iterable[str], err: Iterable[str]) -> Element:
    """Add what a suite ends with, and count what is in it."""
    tests = list(found.iter("testcase"))
    found.set("tests", str(len(tests)))
    for tag, attribute in COUNTS.items():
        found.set(attribute, str(sum(test.find(tag) is not None for test in tests)))
    SubElement(found, "system-out").text = xml("\n".join(out))
    SubElement(found, "system-err").text = xml("\n".join(err))
    return found


def _test(suite: Element, case: str, name: str, taken: float) -> Element:
    return SubElement(suite, "testcase", classname=xml(case), name=xml(name), time=f"{taken:.3f}")


def _problem(test: Element, tag: str, kind: str, message: str, text: str) -> None:
    SubElement(test, tag, type=kind, message=xml(message)).text = xml(text)
