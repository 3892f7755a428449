"""The command line: one file per command; the only room that prints or picks an exit code."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from gradcmp.cli.options import DEBUG
from gradcmp.cli.signals import exit_code_of, heeded
from gradcmp.cli.streams import forgiving, unwritten
from gradcmp.cli.terminal import prepare, say
from gradcmp.errors import ExitCode, GradcmpError, UsageError, explained
from gradcmp.system import fill_standard_streams
from gradcmp.version import VERSION

# Where each command lives. A new one is a file and a line here.
COMMANDS = (
    "commands.run",
    "commands.check",
    "commands.expr",
    "commands.call",
    "commands.record",
    "commands.diff",
    "commands.rejudge",
    "commands.selftest",
    "about.explain",
    "about.validate",
    "about.backends",
    "about.ops",
    "about.schema",
    "about.completion",
)

EPILOG = """\b
Exit codes: 0 agree, 1 disagree, 2 usage or configuration,
3 could not compare, 130 interrupted (129 hung up, 143 terminated)."""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION)
def cli() -> None:
    """Do my gradients agree? NumPy by hand, TensorFlow, PyTorch and JAX, element by element."""


for _name in COMMANDS:
    cli.add_command(import_module(f"gradcmp.cli.{_name}").command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code.

    No traceback reaches the user unless ``--debug`` is given.
    """
    fill_standard_streams()
    prepare()
    with forgiving():
        return _run(sys.argv[1:] if arguments is None else arguments)


def _run(arguments: Sequence[str]) -> int:
    debug = DEBUG in arguments
    try:
        with heeded():
            result = cli.main(arguments, prog_name="gradcmp", standalone_mode=False)
        if why := unwritten():
            error = UsageError(f"standard output cannot be written: {why}")
            if result is None:  # the command does nothing but print
                raise error
            _say(str(error), ExitCode.USAGE)
    except (KeyboardInterrupt, click.exceptions.Abort) as error:
        code = exit_code_of(error)
        return _say(code.name.lower().replace("_", " "), code)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        return _say(shown.getvalue().rstrip("\n"), ExitCode.USAGE)
    except GradcmpError as error:
        if debug:
            raise
        return _say(str(error), error.exit_code)
    except Exception as error:
        if debug:
            raise
        return _say(str(explained(error)), ExitCode.COULD_NOT_COMPARE)
    return int(result or ExitCode.AGREE)


def _say(text: str, code: ExitCode) -> int:
    say(text, error=True)
    return code
