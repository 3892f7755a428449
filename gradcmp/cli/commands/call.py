"""``gradcmp call``: functions of the user, without a config."""

from __future__ import annotations

from pathlib import Path, PurePath

import click

from gradcmp.case import DTYPES, BackendSpec, Case, CodeSpec
from gradcmp.cli import options
from gradcmp.cli.output import Output, output
from gradcmp.cli.script import script, write_script
from gradcmp.errors import ExitCode, UsageError


@click.command(name="call")
@click.argument("function", metavar="[FRAMEWORK=]FILE.py:FUNCTION")
@click.option(
    "--against",
    required=True,
    metavar="[FRAMEWORK=]FILE.py:FUNCTION",
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
@click.option("--strict", is_flag=True, help="Warnings fail, too.")
@script
@output
@options.debug
def command(
    function: str,
    against: str,
    inputs: tuple[str, ...],
    wrt: tuple[str, ...],
    dtype: str,
    seed: int,
    strict: bool,
    script: Path | None,
    output: Output,
) -> ExitCode:
    """Compare FUNCTION with another one: values and gradients, without a tolerance.

    gradcmp call kernels.py:fused --against kernels.py:eager -i x=normal:64x96 -i w=ones:96

    The framework is told from what the file imports; torch=kernels.py:fused says it.
    """
    from gradcmp.cli.running.session import Session
    from gradcmp.cli.screen import show
    from gradcmp.config import parse_input

    specs = {}
    for text in inputs:
        name, separator, spec = text.partition("=")
        if not separator or not name.isidentifier():
            raise UsageError(f"input '{text}' is not NAME=SPEC", way_out="Write x=normal:4x3")
        if name in specs:
            raise UsageError(f"the name '{name}' is taken", way_out="Give each input its own")
        specs[name] = parse_input(name, spec)
    named = {_label(text): _code(text) for text in (against, function)}
    if len(named) == 1:
        named = {"expected": _code(against), "actual": _code(function)}
    case = Case(
        "call",
        specs,
        {},
        "",
        wrt,
        tuple(BackendSpec(one.backend.name, dtype=dtype) for one in named.values()),  # type: ignore[arg-type]
        code=named,
        reference=next(iter(named)),
        dtype=dtype,  # type: ignore[arg-type]
        seed=seed,
        strict=strict,
    )
    with Session(reports=output.reports) as session:
        verdicts = list(session.run(session.check_any([case])))
    code = show(verdicts, output)
    write_script(verdicts, script)
    return code


def _label(text: str) -> str:
    """Return the name of a function."""
    return text.rpartition(":")[2].removesuffix(".apply")


def _code(text: str) -> CodeSpec:
    from gradcmp.config.code import found_from
    from gradcmp.native.written import framework_in

    framework, separator, source = text.partition("=")
    if not separator:
        framework, source = "", text
    source = found_from(source, PurePath(), "the function", None)
    return CodeSpec(source, BackendSpec(framework or framework_in(source)))
