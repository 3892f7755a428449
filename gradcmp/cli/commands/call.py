"""``gradcmp call``: functions of the user, without a config."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click

from gradcmp.case import DTYPES, Case, Effort, Layouts
from gradcmp.cli import options
from gradcmp.cli.output import Output, output
from gradcmp.cli.running.script import script, write_script
from gradcmp.derivatives import Derivative
from gradcmp.dtypes import COMPLEX, REAL_PARTS
from gradcmp.errors import ExitCode, UsageError


class RealDType(click.Choice[str]):
    """A dtype of real numbers; who asks for complex ones is told what to do instead."""

    def __init__(self) -> None:
        super().__init__(DTYPES)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the dtype that a text names.

        Raises
        ------
        click.BadParameter
            If it names none of real numbers.
        """
        if value in COMPLEX:
            self.fail(f"functions are of real numbers, not of {value}. {REAL_PARTS}.", param, ctx)
        return super().convert(value, param, ctx)


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
@click.option("--dtype", type=RealDType(), default="float32", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--layouts",
    type=click.Choice(get_args(Layouts)),
    default="auto",
    show_default=True,
    help="In torch: also run them with arguments that lie in memory otherwise.",
)
@click.option(
    "--shapes",
    multiple=True,
    metavar="NAME=N,...",
    help="Lengths to try for a name in the shapes: n=0,1,63,64,65 with -i x=normal:nx64.",
)
@click.option(
    "--values",
    metavar="NAME,...",
    help="Edge values to try in one input after the other: ties,large,subnormal …",
)
@click.option(
    "--isolate",
    is_flag=True,
    help="Also run what lies between two taps alone, on the values of --against.",
)
@options.DERIVATIVE
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
    layouts: Layouts,
    shapes: tuple[str, ...],
    values: str | None,
    isolate: bool,
    derivative: Derivative | None,
    strict: bool,
    script: Path | None,
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
    from gradcmp.inputs.edge_cases import EdgeCase, edge_cases

    specs: dict[str, str] = {}
    for text in inputs:
        name, separator, spec = text.partition("=")
        if not separator or not name.isidentifier():
            raise UsageError(f"input '{text}' is not NAME=SPEC", way_out="Write x=normal:4x3")
        if name in specs:
            raise UsageError(f"the name '{name}' is taken", way_out="Give each input its own")
        specs[name] = spec
    (expected, reference), (actual, tested) = parse_code(against), parse_code(function)
    if expected == actual:
        expected, actual = "expected", "actual"
    named = {expected: reference, actual: tested}

    def case_at(edge: EdgeCase) -> Case:
        return Case(
            f"call[{edge}]" if str(edge) else "call",
            {name: parse_input(name, edge.input(name, spec)) for name, spec in specs.items()},
            {},
            "",
            wrt,
            tuple(replace(one.backend, dtype=dtype) for one in named.values()),  # type: ignore[arg-type]
            code=named,
            reference=expected,
            dtype=dtype,  # type: ignore[arg-type]
            seed=seed,
            layouts=layouts,
            derivative=derivative or "gradient",
            strict=strict,
            sizes=edge.sizes,
            at_sizes=lambda sizes: case_at(replace(edge, sizes=sizes)),
        )

    edges = edge_cases(specs, dict(map(_lengths, shapes)), values.split(",") if values else None)
    with Session(reports=output.reports) as session:
        plans = session.check_any([case_at(edge) for edge in edges])
        verdicts = list(session.run(plans, Effort(isolate=isolate)))
    code = show(verdicts, output)
    write_script(verdicts, script)
    return code


def _lengths(text: str) -> tuple[str, list[int]]:
    """Read the lengths that a name stands for."""
    name, separator, lengths = text.partition("=")
    if not separator or not all(one.isdecimal() for one in lengths.split(",")):
        raise UsageError(f"shapes '{text}' is not NAME=N,...", way_out="Write n=0,1,63,64,65")
    return name, [int(one) for one in lengths.split(",")]
