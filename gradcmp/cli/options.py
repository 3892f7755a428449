"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from gradcmp.case import DTYPES, BackendSpec, Case, DType, Fixed
from gradcmp.errors import UsageError

DEBUG = "--debug"

F = TypeVar("F", bound=Callable[..., Any])


def debug(function: F) -> F:
    """Add ``--debug``; `gradcmp.cli.main` looks for it."""
    return click.option(
        DEBUG, is_flag=True, expose_value=False, help="Show the traceback of an error."
    )(function)


@dataclass(frozen=True)
class Overrides:
    """What the command line asks for instead of what a case says; None leaves the case alone."""

    backends: tuple[str, ...] = ()
    seed: int | None = None
    dtype: DType | None = None
    rtol: float | None = None
    atol: float | None = None

    def apply(self, case: Case) -> Case:
        """Give the case as the command line wants it.

        Raises
        ------
        UsageError
            When only one of rtol and atol is given: the other would silently be somebody's
            default.
        """
        if self.backends:
            case = replace(case, backends=self._parsed())
        if self.seed is not None:
            case = replace(case, seed=self.seed)
        if self.dtype is not None:
            case = replace(case, dtype=self.dtype)
        if self.rtol is None and self.atol is None:
            return case
        if self.rtol is None or self.atol is None:
            given, absent = ("--rtol", "--atol") if self.atol is None else ("--atol", "--rtol")
            raise UsageError(f"{given} was given without {absent}", way_out="Give both")
        return replace(case, tolerance=Fixed(self.rtol, self.atol))

    def _parsed(self) -> tuple[BackendSpec, ...]:
        from gradcmp.config import parse_backend

        specs = tuple(parse_backend(text) for text in self.backends)
        twice = [str(spec) for spec in specs if specs.count(spec) > 1]
        if twice:
            raise UsageError(f"backend '{twice[0]}' is given twice", way_out="Give it once")
        return specs


def overrides(function: F) -> Callable[..., Any]:
    """Add the options of `Overrides`; the command gets them as one record."""

    @click.option(
        "--backend",
        "-b",
        "backends",
        multiple=True,
        metavar="SPEC",
        help="Who computes; repeatable: tensorflow:session, torch,dtype=float32.",
    )
    @click.option("--seed", type=click.IntRange(min=0), help="Seed of the inputs.")
    @click.option("--dtype", type=click.Choice(DTYPES), help="What the backends compute in.")
    @click.option("--rtol", type=float, help="Relative tolerance, together with --atol.")
    @click.option("--atol", type=float, help="Absolute tolerance, together with --rtol.")
    @functools.wraps(function)
    def command(
        *arguments: Any,
        backends: tuple[str, ...],
        seed: int | None,
        dtype: DType | None,
        rtol: float | None,
        atol: float | None,
        **rest: Any,
    ) -> Any:
        chosen = Overrides(backends, seed, dtype, rtol, atol)
        return function(*arguments, overrides=chosen, **rest)

    return command


@dataclass(frozen=True)
class Output:
    """Where the verdict goes, and how much of it."""

    verbose: bool = False
    json_file: str | None = None


def output(function: F) -> Callable[..., Any]:
    """Add the options of `Output`; the command gets them as one record."""

    @click.option("--verbose", "-v", is_flag=True, help="Print every array, node by node.")
    @click.option(
        "--json",
        "json_file",
        metavar="FILE",
        help="Write all that the table knows as JSON; '-' is standard output.",
    )
    @functools.wraps(function)
    def command(*arguments: Any, verbose: bool, json_file: str | None, **rest: Any) -> Any:
        return function(*arguments, output=Output(verbose, json_file), **rest)

    return command
