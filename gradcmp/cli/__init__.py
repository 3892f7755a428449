"""The command line: one file per command; the only room that prints or picks an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from gradcmp.cli.group import Files, LazyGroup
from gradcmp.cli.signals import exit_code_of, heeded
from gradcmp.cli.streams import forgiving, unwritten
from gradcmp.cli.terminal import prepare, say
from gradcmp.errors import DEBUGGING, ExitCode, GradcmpError, UsageError, explained
from gradcmp.system import fill_standard_streams
from gradcmp.version import VERSION

# Where each command lives, and what it does in a sentence. A new one is a file and a line here.
COMMANDS = {
    "commands.run": "Run cases and compare every pair of backends, element by element.",
    "commands.check": "Check all cases of configs and directories, and say only what does not "
    "agree.",
    "commands.expr": "Compare the gradients of one EXPRESSION in Python syntax.",
    "commands.call": "Compare FUNCTION with another one: values and gradients, without a "
    "tolerance.",
    "commands.record": "Compute cases with one backend and keep values, gradients and all that "
    "they depend on.",
    "commands.diff": "Compare saved gradients, element by element: two files, or two directories "
    "of them.",
    "commands.rejudge": "Judge saved recordings as a run does: every pair of backends, case by "
    "case.",
    "commands.selftest": "Spoil gradients on purpose and see whether the check notices.",
    "about.explain": "Derive the gradients of cases as a textbook does: forward, then the chain "
    "rule backwards.",
    "about.validate": "Check configs without running them: keys, expressions, names, shapes, "
    "backends.",
    "about.backends": "List the backends: version, modes, devices, and what to install for the "
    "rest.",
    "about.ops": "List the ops: call syntax, formula, and the backends that compute them.",
    "about.conventions": "List what each framework returns where a function has a kink, a tie or "
    "no slope.",
    "about.schema": "Print the JSON Schema of the YAML configs, for editors.",
    "about.completion": "Print the script that makes a SHELL complete commands, backends, modes, "
    "ops and cases.",
}

DEBUG = "--debug"
COMPLETING = "_GRADCMP_COMPLETE"  # what click looks for when the program is called gradcmp

EPILOG = """\b
Exit codes: 0 agree, 1 disagree, 2 usage or configuration,
3 could not compare, 130 interrupted (129 hung up, 143 terminated)."""


@click.group(
    cls=LazyGroup,
    commands=Files(COMMANDS),
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(VERSION)
def cli() -> None:
    """Do my gradients agree? NumPy by hand, TensorFlow, PyTorch and JAX, element by element."""


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
    if COMPLETING in os.environ:
        from gradcmp.cli import completion  # noqa: F401  it tells click how bash splits words
    try:
        with heeded(), _told(debug):
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


@contextmanager
def _told(debug: bool) -> Iterator[None]:
    """Let workers know whether tracebacks are wanted."""
    if debug:
        os.environ[DEBUGGING] = "1"
    try:
        yield
    finally:
        if debug:
            os.environ.pop(DEBUGGING, None)


def _say(text: str, code: ExitCode) -> int:
    say(text, error=True)
    return code
