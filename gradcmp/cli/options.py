"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
from click.shell_completion import CompletionItem

from gradcmp.case import (
    DTYPES,
    Auto,
    BackendSpec,
    Case,
    DType,
    DTypeTable,
    Fixed,
    Tolerance,
    Ulp,
)
from gradcmp.cli import DEBUG, completion
from gradcmp.cli.terminal import say
from gradcmp.derivatives import Derivative
from gradcmp.dtypes import COMPLEX
from gradcmp.errors import UsageError
from gradcmp.tolerances import require_sense

F = TypeVar("F", bound=Callable[..., Any])


def debug(function: F) -> F:
    """Add ``--debug``; `gradcmp.cli.main` looks for it."""
    return click.option(
        DEBUG,
        is_flag=True,
        expose_value=False,
        callback=lambda context, _, chosen: context.meta.update({DEBUG: chosen}),
        help="Show the traceback of an error.",
    )(function)


def debugging() -> bool:
    """Whether the command that runs was given ``--debug``."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(DEBUG))


@dataclass(frozen=True)
class Overrides:
    """What the command line asks for instead of what a case says; None leaves the case alone."""

    backends: tuple[str, ...] = ()
    seed: int | None = None
    dtype: DType | None = None
    tolerance: Tolerance | None = None
    strict: bool = False
    derivative: Derivative | None = None

    def apply(self, case: Case) -> Case:
        """Return the case as the command line wants it."""
        if self.backends:
            case = replace(case, backends=self._parsed())
        if self.seed is not None:
            case = replace(case, seed=self.seed)
        if self.dtype is not None:
            case = replace(case, dtype=self.dtype)
        if self.strict:
            case = replace(case, strict=True)
        if self.derivative is not None:
            case = replace(case, derivative=self.derivative)
        return replace(case, tolerance=self.tolerance) if self.tolerance else case

    def _parsed(self) -> tuple[BackendSpec, ...]:
        from gradcmp.config import parse_backend

        specs = tuple(parse_backend(text) for text in self.backends)
        twice = [str(spec) for spec in specs if specs.count(spec) > 1]
        if twice:
            raise UsageError(f"backend '{twice[0]}' is given twice", way_out="Give it once")
        return specs


class ConfigPath(click.Path):
    """A config or a folder, as text, since errors name a file as it was written."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer configs, and folders that have some; where there are none, whatever is there."""
        found = [CompletionItem(path) for path in completion.configs(incomplete)]
        return found or super().shell_complete(ctx, param, incomplete)


CONFIGS: click.Path = ConfigPath()
FILE: click.Path = click.Path(path_type=Path)
DIRECTORY: click.Path = click.Path(path_type=Path, file_okay=False)
SEED = click.option("--seed", type=click.IntRange(min=0), help="Seed of the inputs.")
DTYPE = click.option(
    "--dtype", type=click.Choice((*DTYPES, *COMPLEX)), help="What the backends compute in."
)
CASE = click.option(
    "--case",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this case; repeatable.",
    shell_complete=completion.cases,
)
DERIVATIVE = click.option(
    "--derivative",
    type=click.Choice(get_args(Derivative)),
    help="What to compare besides values and gradients: J v, H v, all of either.",
)
STRICT = click.option("--strict", is_flag=True, help="Let warnings and weak checks fail too.")


TOLERANCES: Mapping[str, Tolerance] = {"auto": Auto(), "table": DTypeTable()}


def tolerance(function: F) -> Callable[..., Any]:
    """Add the options of a tolerance; the command gets the one that was asked for, or None."""

    @click.option(
        "--tolerance",
        "word",
        type=click.Choice([*TOLERANCES]),
        help="By the noise of the function, or by a table of dtypes.",
    )
    @click.option("--rtol", type=float, help="Relative tolerance; alone, the absolute one is 0.")
    @click.option("--atol", type=float, help="Absolute tolerance; alone, the relative one is 0.")
    @click.option("--ulp", type=click.IntRange(min=0), help="Steps of the coarser dtype instead.")
    @functools.wraps(function)
    def command(
        *arguments: Any,
        word: str | None,
        rtol: float | None,
        atol: float | None,
        ulp: int | None,
        **rest: Any,
    ) -> Any:
        asked: dict[str, Tolerance | None] = {
            "--tolerance": TOLERANCES[word] if word else None,
            "--ulp": None if ulp is None else Ulp(ulp),
            "--rtol" if rtol is not None else "--atol": fixed(rtol, atol),
        }
        given = {option: chosen for option, chosen in asked.items() if chosen}
        if len(given) > 1:
            first, second, *_ = given
            raise UsageError(f"{first} was given with {second}", way_out="Give either")
        chosen = next(iter(given.values()), None)
        if chosen:
            require_sense(chosen)
        return function(*arguments, tolerance=chosen, **rest)

    return command


def fixed(rtol: float | None, atol: float | None) -> Fixed | None:
    """Return the tolerance that was asked for, if any; the part that was not given is 0."""
    if rtol is None and atol is None:
        return None
    if rtol is None or atol is None:
        given, absent = ("rtol", "atol") if atol is None else ("atol", "rtol")
        say(f"--{given} alone: {absent} is 0", error=True)
    return Fixed(rtol or 0.0, atol or 0.0)


def overrides(function: F) -> Callable[..., Any]:
    """Add the options of `Overrides`; the command gets them as one record."""

    @click.option(
        "--backend",
        "-b",
        "backends",
        multiple=True,
        metavar="SPEC",
        help="Who computes; repeatable: tensorflow:session, torch,dtype=float32.",
        shell_complete=completion.backends,
    )
    @SEED
    @DTYPE
    @DERIVATIVE
    @tolerance
    @STRICT
    @functools.wraps(function)
    def command(
        *arguments: Any,
        backends: tuple[str, ...],
        seed: int | None,
        dtype: DType | None,
        tolerance: Tolerance | None,
        strict: bool,
        derivative: Derivative | None,
        **rest: Any,
    ) -> Any:
        chosen = Overrides(backends, seed, dtype, tolerance, strict, derivative)
        return function(*arguments, overrides=chosen, **rest)

    return command
