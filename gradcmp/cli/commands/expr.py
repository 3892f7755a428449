"""``gradcmp expr``: one expression, without a file."""

from __future__ import annotations

import click

from gradcmp.case import BackendSpec, Case, Expression
from gradcmp.cli import completion, options
from gradcmp.cli.output import Output, output
from gradcmp.errors import ExitCode, Location, UsageError, did_you_mean

NODE = "output"  # what the only node is called on screen


@click.command(name="expr")
@click.argument("expression", shell_complete=completion.ops)
@click.option(
    "--input",
    "-i",
    "inputs",
    multiple=True,
    required=True,
    metavar="NAME=SPEC",
    help="An input: X=normal:4x3, Z=arange:4x3:start=1, W=[1,2,3]; repeatable.",
)
@click.option(
    "--wrt",
    multiple=True,
    metavar="NAME",
    help="Differentiate with respect to this input only; repeatable.",
)
@options.overrides
@output
@options.debug
def command(
    expression: str,
    inputs: tuple[str, ...],
    wrt: tuple[str, ...],
    overrides: options.Overrides,
    output: Output,
) -> ExitCode:
    """Compare the gradients of one EXPRESSION in Python syntax.

    gradcmp expr "sum(X*Y+Z)" -i X=normal:4x3 -i Y=ones:4x3 -i Z=arange:4x3
    """
    from gradcmp.cli.running.session import Session
    from gradcmp.cli.screen import show
    from gradcmp.config import parse_input
    from gradcmp.config.build import DEFAULT_BACKENDS
    from gradcmp.inputs import check
    from gradcmp.ops.spec import CONTINUOUS

    specs = {}
    for text in inputs:
        name, separator, spec = text.partition("=")
        if not separator or not name.isidentifier():
            raise UsageError(f"input '{text}' is not NAME=SPEC", way_out="Write X=normal:4x3")
        if name in specs or name == NODE:
            raise UsageError(f"the name '{name}' is taken", way_out="Give each input its own")
        specs[name] = parse_input(name, spec)
    real = tuple(name for name, spec in specs.items() if check(name, spec).kind in CONTINUOUS)
    for name in wrt:
        if name not in real:
            raise UsageError(
                f"'{name}' is not a real-valued input", way_out=did_you_mean(name, real)
            )
    if not real:
        raise UsageError("no input is real-valued, so there is no gradient to compare")
    case = Case(
        name="expr",
        inputs=specs,
        graph={NODE: Expression(expression, Location("expression"))},
        output=NODE,
        wrt=wrt or real,
        backends=tuple(BackendSpec(name) for name in DEFAULT_BACKENDS),
    )
    with Session(reports=output.reports) as session:
        verdicts = list(session.run(session.check([overrides.apply(case)])))
    return show(verdicts, output)
