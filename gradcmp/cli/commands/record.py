"""``gradcmp record``: compute on this machine, compare on another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcmp.case import BackendSpec, Case, DType
from gradcmp.cli import completion, options
from gradcmp.cli.cases import choose, require_distinct, survey
from gradcmp.cli.files import require_own
from gradcmp.cli.terminal import say
from gradcmp.cli.trust import no_user_code
from gradcmp.errors import (
    BackendError,
    ExitCode,
    GradcmpError,
    NothingComparedError,
    RecordingError,
    UsageError,
)
from gradcmp.outside.files import kind

if TYPE_CHECKING:
    from gradcmp.recording import Failure

STDERR = 8  # lines of a failed backend's stderr


@click.command(name="record")
@click.argument("paths", nargs=-1, type=options.CONFIGS, metavar="[CONFIG|DIR]...")
@options.CASE
@click.option(
    "--backend",
    "-b",
    "backends",
    required=True,
    multiple=True,
    metavar="SPEC",
    help="Who computes, one backend: torch,dtype=float64; of a case of code, one function.",
    shell_complete=completion.backends,
)
@options.SEED
@options.DTYPE
@click.option(
    "--twin/--no-twin",
    default=True,
    help="Compute in float64 too, for tolerance auto to tell rounding from a bug by.",
)
@click.option(
    "--output",
    "-o",
    "place",
    required=True,
    type=options.FILE,
    help="The file for one case (FILE.npz: its arrays alone), the directory for several.",
)
@no_user_code
@options.debug
def command(
    paths: tuple[str, ...],
    names: tuple[str, ...],
    backends: tuple[str, ...],
    seed: int | None,
    dtype: DType | None,
    twin: bool,
    place: Path,
) -> ExitCode:
    """Compute cases with one backend and keep values, gradients and all that they depend on.

    The inputs are those of the case, whichever backend computes. Without CONFIG the built-in
    seed case is recorded.

    \b
    gradcmp record configs/mlp.yaml -b torch:compile -o mlp.safetensors
    """
    from gradcmp.cli.running.net import keep
    from gradcmp.cli.running.session import Session
    from gradcmp.recording import Failure
    from gradcmp.recording.files import SUFFIX, write

    overrides = options.Overrides(seed=seed, dtype=dtype)
    cases = [overrides.apply(case) for case in choose(survey(paths), names)]
    spec = one_of(only_one(backends), cases)
    files = dict(zip((case.name for case in cases), places(place, cases), strict=True))
    for file in files.values():
        require_own(file)
    failures: list[Failure] = []
    lost: list[GradcmpError] = []
    with Session() as session, session.shown():
        for plan in session.survey_any(cases, by=spec):
            outcome = keep(plan, session.pool, twin, options.debugging())
            if isinstance(outcome, Failure):
                failures.append(outcome)
                continue
            file = files[plan.case.name]
            try:
                write(file, outcome)
            except RecordingError as error:
                lost.append(error)
                continue
            alone = "" if file.suffix.lower() == SUFFIX else ", arrays alone, without their case"
            say(f"recorded case '{plan.case.name}' with {outcome.backend}: {file}{alone}")
    if failures:
        lost.append(failed(failures, len(cases)))
    session.raise_faults(*lost)
    return ExitCode.AGREE


def one_of(name: str, cases: Sequence[Case]) -> BackendSpec:
    """Return who computes: a backend, or a function by its label in the code of a case."""
    from gradcmp.config import parse_backend

    if any(name in case.code for case in cases) or all(case.code for case in cases):
        return BackendSpec(name)
    return parse_backend(name)


def only_one(backends: Sequence[str]) -> str:
    """Return the backend that records.

    Raises
    ------
    UsageError
        For several: a recording is of one, and the others would be lost.
    """
    if len(backends) > 1:
        raise UsageError(
            f"a recording is of one backend, not of {len(backends)}: {', '.join(backends)}",
            way_out="Record each by itself, or all with gradcmp run --record-golden DIR",
        )
    return backends[0]


def places(place: Path, cases: Sequence[Case]) -> list[Path]:
    """Return the file of each case.

    Raises
    ------
    NothingComparedError
        When there is no case.
    UsageError
        When several cases are meant for one file, two for the same, or a file has another suffix.
    """
    from gradcmp.formats.kinds import SUFFIXES, WAYS_OUT
    from gradcmp.recording.files import NPZ, SUFFIX, quoted

    if not cases:
        raise NothingComparedError("there is no case to record", way_out="Name a config with cases")
    require_distinct(cases)
    foreign = {".json", *SUFFIXES, *WAYS_OUT} - {SUFFIX, NPZ}  # nobody means a directory by them
    suffix, is_folder = place.suffix.lower(), kind(place) == "folder"
    if suffix in foreign and not is_folder:
        raise UsageError(
            f"a recording cannot be written as '{place.suffix}'",
            way_out=f"Name a file *{SUFFIX}, or *{NPZ} for its arrays alone, or a directory",
        )
    if suffix not in (SUFFIX, NPZ) or is_folder:
        return [place / f"{quoted(case.name)}{SUFFIX}" for case in cases]
    if len(cases) > 1:
        raise UsageError(
            f"{len(cases)} cases do not fit into the file '{place}'",
            way_out="Name a directory, or one case with --case",
        )
    return [place]


def failed(failures: Sequence[Failure], cases: int) -> BackendError:
    """Return the error of backends that computed nothing, the first of them in full."""
    from gradcmp.report.words.ink import tail

    first = failures[0]
    more = f" ({len(failures)} of {cases} cases failed)" if cases > 1 else ""
    return BackendError(f"{first.message}{more}", printed=tail(first.stderr, STDERR))
