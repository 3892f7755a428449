"""Where verdicts go: the options of the screen and of reports."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gradcmp.cli.reports import Target

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Output:
    """Where the verdict goes, and how much of it."""

    verbose: bool = False
    reports: tuple[Target, ...] = ()


def reports(function: F) -> Callable[..., Any]:
    """Add ``--report`` and ``--json``; the command gets the targets, each of them writable."""

    @click.option(
        "--report",
        "texts",
        multiple=True,
        metavar="FORMAT[=FILE]",
        help="Write a report; repeatable: junit=out.xml, markdown=out.md, github.",
    )
    @click.option(
        "--json",
        "json_file",
        metavar="FILE",
        help="Write all that the table knows as JSON; '-' is standard output.",
    )
    @functools.wraps(function)
    def command(*arguments: Any, texts: tuple[str, ...], json_file: str | None, **rest: Any) -> Any:
        found: tuple[Target, ...] = ()
        if texts or json_file is not None:
            from gradcmp.cli.reports import targets

            found = targets(texts, json_file)
        return function(*arguments, reports=found, **rest)

    return command


def output(function: F) -> Callable[..., Any]:
    """Add the options of `Output`; the command gets them as one record."""

    @click.option("--verbose", "-v", is_flag=True, help="Print every array, node by node.")
    @reports
    @functools.wraps(function)
    def command(*arguments: Any, verbose: bool, reports: tuple[Target, ...], **rest: Any) -> Any:
        return function(*arguments, output=Output(verbose, reports), **rest)

    return command
