"""Where verdicts go: the options of the screen and of reports."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradcmp.cli.terminal import COLOR, COLORS
from gradcmp.errors import UsageError

if TYPE_CHECKING:
    from gradcmp.cli.reports import Target

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Output:
    """Where the verdict goes, and how much of it."""

    verbose: bool = False
    quiet: bool = False
    reports: tuple[Target, ...] = ()


def reports(function: F) -> Callable[..., Any]:
    """Add ``--report`` and ``--json``; the command gets the targets, each of them writable."""

    @click.option(
        "--report",
        "texts",
        multiple=True,
        metavar="[FORMAT=]FILE",
        help="Write a report; repeatable: out.html, out.md, out.sarif, junit=out.xml, github.",
    )
    @click.option(
        "--json",
        "json_file",
        metavar="FILE",
        help="Write all that the table knows as JSON; '-' is standard output.",
    )
    @click.option(
        COLOR,
        type=click.Choice(COLORS),
        default="auto",
        expose_value=False,
        callback=lambda context, _, chosen: context.meta.update({COLOR: chosen}),
        help="Colours: as the terminal and NO_COLOR say, or not.",
    )
    @functools.wraps(function)
    def command(*arguments: Any, texts: tuple[str, ...], json_file: str | None, **rest: Any) -> Any:
        found: tuple[Target, ...] = ()
        if texts or json_file is not None:
            from gradcmp.cli.reports import targets

            found = targets(texts, json_file)
        return function(*arguments, reports=found, **rest)

    return command


quiet = click.option(
    "--quiet", "-q", is_flag=True, help="Say less: of what agrees, the count alone."
)


def output(function: F) -> Callable[..., Any]:
    """Add the options of `Output`; the command gets them as one record."""

    @click.option("--verbose", "-v", is_flag=True, help="Print every array, node by node.")
    @quiet
    @reports
    @functools.wraps(function)
    def command(
        *arguments: Any, verbose: bool, quiet: bool, reports: tuple[Target, ...], **rest: Any
    ) -> Any:
        if verbose and quiet:
            raise UsageError("--verbose was given with --quiet", way_out="Give either")
        return function(*arguments, output=Output(verbose, quiet, reports), **rest)

    return command
