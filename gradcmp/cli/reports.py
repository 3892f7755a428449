"""Reports for machines and for people who were not there: what was asked for, and where it goes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gradcmp.cli.files import STDOUT, require_writable, write
from gradcmp.cli.streams import unwritten
from gradcmp.cli.terminal import put, say
from gradcmp.errors import GradcmpError, UsageError, explained, together
from gradcmp.report import PRINTED, format_of, report_named

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict

GITHUB = "github"
SUMMARY = "GITHUB_STEP_SUMMARY"  # set by GitHub: a file of Markdown that is shown with the job


@dataclass(frozen=True)
class Target:
    """One report and the file that it goes to; ``-`` is standard output."""

    name: str
    file: str

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``FORMAT=FILE``, a file whose suffix says it, or ``FORMAT`` alone where printed.

        Raises
        ------
        UsageError
            For an unknown format, and for a file that is missing or too many.
        """
        name, separator, file = text.partition("=")
        if not separator and (known := format_of(text)):
            name, file = known, text
        report_named(name)  # before anything runs: an unknown name, a library that is missing
        if name in PRINTED:
            if separator:
                raise UsageError(
                    f"the report '{name}' is printed, and takes no file",
                    way_out=f"Write --report {name}",
                )
            return cls(name, STDOUT)
        if not file:
            raise UsageError(f"the report '{name}' needs a file", way_out=f"Write {name}=FILE")
        return cls(name, file)


def targets(texts: Iterable[str], json_file: str | None) -> tuple[Target, ...]:
    """Read what ``--report`` and ``--json`` ask for, and make sure that all of it can be written.

    Raises
    ------
    UsageError
        As `Target.parse`, and for two reports to one file or a file that cannot be written.
    """
    found = [Target.parse(text) for text in texts]
    if json_file is not None:
        found.append(Target("json", json_file))
    files = [target.file for target in found]
    if any(target.name == GITHUB for target in found) and os.environ.get(SUMMARY):
        files.append(os.environ[SUMMARY])
    taken = set()
    for file in files:
        require_writable(file)
        place = file if file == STDOUT else os.path.realpath(file)
        if place in taken:
            name = "standard output" if file == STDOUT else f"'{file}'"
            raise UsageError(f"two reports go to {name}", way_out="Give each its own file")
        taken.add(place)
    return tuple(found)


def hand_out(
    verdicts: Sequence[CaseVerdict],
    reports: Sequence[Target],
    show: Callable[[], None] = lambda: None,
    debug: bool = False,
) -> None:
    """Write every report: files first, then what a person sees, then those on standard output.

    One that cannot be written does not keep the others from it.

    Parameters
    ----------
    show : callable
        Prints the screen.
    debug : bool
        Whether an error in gradcmp itself is wanted with its traceback: then it ends all.

    Raises
    ------
    GradcmpError
        Naming each file that can no longer be written, and what could not be made.
    """
    errors: list[GradcmpError] = []
    for what, step in _steps(verdicts, reports, show):
        try:
            step()
        except GradcmpError as error:
            errors.append(error)
        except Exception as error:
            if debug:
                raise
            errors.append(explained(error, f"{what} could not be made: "))
    if errors:
        raise together(errors)


def _steps(
    verdicts: Sequence[CaseVerdict], reports: Sequence[Target], show: Callable[[], None]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Return what there is to do, in that order, and what each is called."""

    def step(name: str, give: Callable[[str], None]) -> tuple[str, Callable[[], None]]:
        return f"the report '{name}'", lambda: give(report_named(name)(verdicts))

    for target in reports:
        if target.file != STDOUT:
            yield step(target.name, partial(written, target.file))
        if target.name == GITHUB and os.environ.get(SUMMARY):
            yield step("markdown", partial(append, os.environ[SUMMARY]))
    yield "the screen", show
    for target in reports:
        if target.file == STDOUT:
            yield step(target.name, print_whole)


def written(file: str, text: str) -> None:
    """Write a report to a file and say so."""
    write(file, text)
    say(f"wrote {file}", error=True)


def print_whole(text: str) -> None:
    """Write a report to standard output; raises UsageError where that is full."""
    put(text)
    if why := unwritten():
        raise UsageError(f"the report on standard output cannot be written: {why}")


def append(file: str, text: str) -> None:
    """Add to a file that others write to as well."""
    try:
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"'{file}' cannot be written: {error.strerror}") from None


def takes_the_screen(reports: Iterable[Target]) -> bool:
    """Whether standard output belongs to a file format, and the screen must not be on it."""
    return any(target.file == STDOUT and target.name not in PRINTED for target in reports)


@contextmanager
def unheard(reports: Iterable[Target]) -> Iterator[None]:
    """Print inside of it what may contain anything: GitHub then takes none of it for a command."""
    if not any(target.name == GITHUB for target in reports):
        yield
        return
    token = secrets.token_hex(16)
    put(f"::stop-commands::{token}\n")
    try:
        yield
    finally:
        put(f"::{token}::\n")
