"""``gradcmp call``: functions of the user, without a config."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import click

from gradcmp.case import DTYPES, Case, Layouts
from gradcmp.cli import options
from gradcmp.cli.output import Output, output
from gradcmp.errors import ExitCode, UsageError


@click.command(name="call")
@click.argument("function", metavar="[FRAMEWORK[:MODE]=]FILE.py:FUNCTION")
@click.option(
    "--against",
    required=True,
    metavar="[FRAMEWORK[:MODE]=]FILE.py:FUNCTION",
    help="The function that it must agree with.",
)
@click.option(
    "--input",
    "-i",
    "inputs",
    multiple=True,
    required=True,
    metavar="NAME=SPEC",
    help="An input, by the name of the parameter: x=normal:64x4096; repeatable.",
)
@click.option(
    "--wrt",
    multiple=True,
    metavar="NAME",
    help="Differentiate with respect to this input or parameter only; repeatable.",
)
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--layouts",
    type=click.Choice(get_args(Layouts)),
    default="auto",
    show_default=True,
    help="In torch: also run them with arguments that lie in memory otherwise.",
)
@click.option("--strict", is_flag=True, help="Warnings fail, too.")
@output
@options.debug
def command(
    function: str,
    against: str,
    inputs: tuple[str, ...],
    wrt: tuple[str, ...],
    dtype: str,
    seed: int,
    layouts: Layouts,
    strict: bool,
    output: Output,
) -> ExitCode:
    """Compare FUNCTION with another one: values and gradients, without a tolerance.

    gradcmp call kernels.py:fused --against kernels.py:eager -i x=normal:64x96 -i w=ones:96

    The framework is told from what the file imports; torch=kernels.py:fused says it, and
    torch:compile=kernels.py:fused runs it in a mode.
    """
    from gradcmp.cli.running.session import Session
    from gradcmp.cli.screen import show
    from gradcmp.config import parse_code, parse_input

    specs = {}
    for text in inputs:
        name, separator, spec = text.partition("=")
        if not separator or not name.isidentifier():
            raise UsageError(f"input '{text}' is not NAME=SPEC", way_out="Write x=normal:4x3")
        if name in specs:
            raise UsageError(f"the name '{name}' is taken", way_out="Give each input its own")
        specs[name] = parse_input(name, spec)
    (expected, reference), (actual, tested) = parse_code(against), parse_code(function)
    if expected == actual:
        expected, actual = "expected", "actual"
    named = {expected: reference, actual: tested}
    case = Case(
        "call",
        specs,
        {},
        "",
        wrt,
        tuple(replace(one.backend, dtype=dtype) for one in named.values()),  # type: ignore[arg-type]
        code=named,
        reference=expected,
        dtype=dtype,  # type: ignore[arg-type]
        seed=seed,
        layouts=layouts,
        strict=strict,
    )
    with Session(reports=output.reports) as session:
        verdicts = list(session.run(session.check_any([case])))
    return show(verdicts, output)
