"""GitHub's workflow commands: an annotation where each case that is not simply right begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.outside.printable import clean
from gradcmp.report.words.sentence import MARKS, Tally, sentence
from gradcmp.report.words.source import first_line
from gradcmp.report.words.weak import listed

DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Return a command a line: errors for what fails, warnings and notices for reservations.

    One for each case rather than for each tensor: of each kind GitHub shows ten of a step.
    """
    commands = [*annotated(verdicts)]
    if not verdicts:
        commands.append(command("error", {"title": "gradcmp"}, str(Tally.of(()))))
    return "".join(f"{one}\n" for one in commands)


def annotated(verdicts: Sequence[CaseVerdict]) -> Iterator[str]:
    """Annotate each case of which there is something to say."""
    for verdict in verdicts:
        if found := level(verdict):
            where, word = first_line(verdict), MARKS[verdict.exit_code].word
            properties = {"title": f"gradcmp: {verdict.case.name}: {word}"}
            if where:
                properties |= {"file": where.file}
            if where and where.line:
                properties |= {"line": str(where.line)}
            weak = f". {listed(verdict)}" if verdict.weak else ""
            yield command(found, properties, f"{sentence(verdict)}{weak}")


def level(verdict: CaseVerdict) -> str | None:
    """Describe how loud a case is to be."""
    if verdict.exit_code is not ExitCode.AGREE:
        return "error"
    if verdict.warnings or verdict.weak or verdict.unsteady:
        return "warning"
    return "notice" if verdict.known or verdict.failures else None


def command(name: str, properties: dict[str, str], message: str) -> str:
    """Write a workflow command; whatever it is given, it stays one line and one command."""
    given = ",".join(
        f"{key}={clean(value).translate(PROPERTY)}" for key, value in properties.items()
    )
    return f"::{name} {given}::{clean(message).translate(DATA)}"
