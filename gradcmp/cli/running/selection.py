"""Which cases run, how many at once, and when it is enough."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradcmp.case import Case
from gradcmp.cli import options
from gradcmp.cli.cases import choose
from gradcmp.errors import UsageError, together

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Selection:
    """What the command line says of the cases as a set.

    Attributes
    ----------
    names, patterns : tuple of str
        The cases to take: by name, and by a part of the name or a pattern with ``*``.
    max_failures : int, optional
        How many may disagree before the rest is left.
    jobs : int
        How many run at once.
    """

    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    max_failures: int | None = None
    jobs: int = 1

    def of(self, cases: list[Case]) -> list[Case]:
        """Return the cases that were asked for.

        Raises
        ------
        UsageError
            When a name or a pattern fits none.
        """
        cases = choose(cases, self.names)
        for pattern in self.patterns:
            if not any(fits(case, pattern) for case in cases):
                if faults := [case.fault for case in cases if case.fault]:
                    raise together(faults)  # it may be in one of those that cannot be read
                names = ", ".join(case.name for case in cases[:5])
                raise UsageError(f"no case fits '-k {pattern}'", way_out=f"There is {names}")
        return [
            case
            for case in cases
            if not self.patterns or any(fits(case, pattern) for pattern in self.patterns)
        ]

    def enough(self, verdicts: Generator[CaseVerdict]) -> Iterator[CaseVerdict]:
        """Return verdicts until so many do not agree; what is running then is ended."""
        failures = 0
        with closing(verdicts):
            for verdict in verdicts:
                yield verdict
                failures += not verdict.agrees
                if failures == self.max_failures:
                    return


def fits(case: Case, pattern: str) -> bool:
    """Return whether a pattern is part of a case's name, or describes all of it with ``*``."""
    return pattern in case.name or fnmatchcase(case.name, pattern)


def selection(function: F) -> Callable[..., Any]:
    """Add the options of `Selection`; the command gets them as one record."""

    @options.CASE
    @click.option(
        "-k",
        "patterns",
        multiple=True,
        metavar="PATTERN",
        help="Only cases with this in their name, or that fit it: '*half*'; repeatable.",
    )
    @click.option("-x", "first", is_flag=True, help="Stop after the first case that fails.")
    @click.option(
        "--max-failures",
        type=click.IntRange(min=1),
        metavar="N",
        help="Stop after N cases that do not agree.",
    )
    @click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=1,
        metavar="N",
        help="Cases at once, each job with frameworks of its own.",
    )
    @functools.wraps(function)
    def command(
        *arguments: Any,
        names: tuple[str, ...],
        patterns: tuple[str, ...],
        first: bool,
        max_failures: int | None,
        jobs: int,
        **rest: Any,
    ) -> Any:
        if first and max_failures is not None:
            raise UsageError("-x was given with --max-failures", way_out="Give either")
        chosen = Selection(names, patterns, 1 if first else max_failures, jobs)
        return function(*arguments, selection=chosen, **rest)

    return command
