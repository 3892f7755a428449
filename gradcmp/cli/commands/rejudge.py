"""``gradcmp rejudge``: another tolerance for saved recordings, without running anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcmp.case import Auto, Tolerance
from gradcmp.cli import options
from gradcmp.cli.output import Output, output
from gradcmp.errors import ExitCode, RecordingError, UsageError

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.recording import Origin, Recording


@click.command(name="rejudge")
@click.argument("paths", nargs=-1, required=True, type=options.FILE, metavar="REC|DIR...")
@options.tolerance
@output
@options.debug
def command(paths: tuple[Path, ...], tolerance: Tolerance | None, output: Output) -> ExitCode:
    """Judge saved recordings as a run does: every pair of backends, case by case.

    REC is a recording, DIR means every one below it, as `gradcmp run --record-golden` leaves
    them.

    \b
    gradcmp rejudge golden --rtol 1e-4 --atol 1e-6
    """
    from gradcmp.cli.screen import show
    from gradcmp.recording.files import find

    files = dict.fromkeys(file for path in paths for file in find(path).values())
    groups: dict[str, Group] = {}
    for file in files:
        add(groups, file)
    return show([group.judge(tolerance or Auto()) for group in groups.values()], output)


class Group:
    """The recordings of one case, by backend, and the files that they are from."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.recordings: dict[str, Recording] = {}
        self.files: dict[str, Path] = {}

    def judge(self, tolerance: Tolerance) -> CaseVerdict:
        """Judge every pair, those with the float64 reference first."""
        from gradcmp.functions.saved.judge import judge_recorded
        from gradcmp.recording import Recording

        judged = judge_recorded(self.origin, self.recordings, tolerance)
        # Without their origin: all of a group have the same, and nothing is said of it.
        shown = {
            label: replace(one, origin=None) if isinstance(one, Recording) else one
            for label, one in judged.outcomes.items()
        }
        return replace(judged, outcomes=shown)


def add(groups: dict[str, Group], file: Path) -> None:
    """Read a recording and put it to those of its case.

    Raises
    ------
    RecordingError
        When it has no case, or not the graph and inputs of the others.
    UsageError
        When its backend is there already.
    """
    from gradcmp.formats.kinds import is_foreign
    from gradcmp.recording.files import read

    recording = None if is_foreign(file) else read(file)
    if recording is None or recording.origin is None:
        raise RecordingError(
            f"'{file}' does not say which case it is of", way_out="Compare it with gradcmp diff"
        )
    group = groups.setdefault(recording.origin.case.name, Group(recording.origin))
    label = recording.backend
    if what := recording.origin.difference(group.origin):
        other = next(iter(group.files.values()))
        raise RecordingError(
            f"'{file}' and '{other}' have one case, '{group.origin.case.name}', but {what}",
            way_out="Rejudge them one after the other",
        )
    if label in group.files:
        raise UsageError(
            f"'{group.files[label]}' and '{file}' are both of '{label}'",
            way_out="Compare them with gradcmp diff",
        )
    group.files[label] = file
    group.recordings[label] = recording
