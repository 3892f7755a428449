"""``gradcmp diff``: two recordings, or two directories of them, without any framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from gradcmp.case import Auto, Case, Tolerance
from gradcmp.cli import options
from gradcmp.cli.output import Output, output
from gradcmp.errors import (
    BackendError,
    ExitCode,
    GradcmpError,
    NothingComparedError,
    RecordingError,
    UsageError,
)

if TYPE_CHECKING:
    from gradcmp.formats.reader import Reader
    from gradcmp.judge.recorded.pair import Names
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.recording import Recording


@click.command(name="diff")
@click.argument("actual", type=options.FILE)
@click.argument("expected", type=options.FILE)
@options.tolerance
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="A=B",
    help="ACTUAL calls A what EXPECTED calls B; repeatable.",
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this tensor; repeatable.")
@click.option(
    "--different-inputs", is_flag=True, help="Compare what was computed from different inputs."
)
@output
@options.debug
def command(
    actual: Path,
    expected: Path,
    tolerance: Tolerance | None,
    maps: tuple[str, ...],
    only: tuple[str, ...],
    different_inputs: bool,
    output: Output,
) -> ExitCode:
    """Compare saved gradients, element by element: two files, or two directories of them.

    Recordings, .npz, .npy, .safetensors, PyTorch's .pt, HDF5, .keras and .csv, each with any
    other. Files of two directories belong together when they have the same place in both, with
    the same suffix or another.

    \b
    gradcmp diff mine.npz theirs.safetensors --map dW=grad_W
    """
    from gradcmp.cli.screen import show
    from gradcmp.formats.kinds import SUFFIXES
    from gradcmp.formats.reader import Reader
    from gradcmp.judge.recorded.pair import Names
    from gradcmp.recording.files import find

    names = Names(parse_maps(maps), only)
    left, right = find(actual, SUFFIXES), find(expected, SUFFIXES)
    if actual.is_dir() != expected.is_dir():
        raise UsageError(
            f"'{actual}' and '{expected}' are a file and a directory", way_out="Name two of a kind"
        )
    duels = partners(left, right)
    taken = {file for duel in duels.values() for file in (duel.actual, duel.expected)}
    alone = {p: file for side in (left, right) for p, file in side.items() if file not in taken}
    verdicts = []
    with Reader() as reader:
        for place in sorted({**duels, **alone}):
            try:
                if place in duels:
                    verdict = duels[place].judge(
                        reader, tolerance or Auto(), names, different_inputs
                    )
                else:
                    roots = (actual, expected) if place in left else (expected, actual)
                    verdict = lonely(reader.read(alone[place]), place, *roots)
            except (BackendError, NothingComparedError, RecordingError) as error:
                if not place:
                    raise
                verdict = unreadable(place, error)  # the other cases go on
            verdicts.append(verdict)
    return show(verdicts, output)


def partners(left: Mapping[str, Path], right: Mapping[str, Path]) -> dict[str, Duel]:
    """Return the files that belong together, by their place.

    What has no partner of its name has the one of another suffix, if there is only one.
    """
    same = left.keys() & right.keys()
    mine, theirs = (without_suffix(side.keys() - same) for side in (left, right))
    found = {place: Duel(left[place], right[place], place) for place in same}
    for stem in mine.keys() & theirs.keys():
        found[stem] = Duel(left[mine[stem]], right[theirs[stem]], stem)
    return found


def without_suffix(places: Iterable[str]) -> dict[str, str]:
    """Return places by what is left of them without their suffix, where that tells them apart."""
    found: dict[str, list[str]] = {}
    for place in places:
        found.setdefault(str(PurePosixPath(place).with_suffix("")), []).append(place)
    return {stem: those[0] for stem, those in found.items() if len(those) == 1}


def parse_maps(maps: tuple[str, ...]) -> dict[str, str]:
    """Read ``A=B``.

    Raises
    ------
    UsageError
        For what is no such pair, and for a name that is mapped twice.
    """
    found: dict[str, str] = {}
    for text in maps:
        old, separator, new = text.partition("=")
        if not (old and separator and new):
            raise UsageError(f"map '{text}' is not A=B", way_out="Write --map dW=weight.grad")
        if old in found or new in found.values():
            raise UsageError(f"map '{text}' repeats a name", way_out="Map each name once")
        found[old] = new
    return found


@dataclass(frozen=True)
class Duel:
    """Two files that are held together.

    Attributes
    ----------
    place : str
        Where both are in their directories; empty for files that were named.
    """

    actual: Path
    expected: Path
    place: str

    def judge(
        self, reader: Reader, tolerance: Tolerance, names: Names, different_inputs: bool
    ) -> CaseVerdict:
        """Read both and judge them.

        Raises
        ------
        UsageError
            When they were computed from different inputs, unless that is what is wanted.
        """
        from gradcmp.functions.saved.judge import judge_recorded
        from gradcmp.judge.recorded.pair import judge_pair
        from gradcmp.judge.verdict import Pair

        actual, expected = reader.read(self.actual), reader.read(self.expected)
        if actual.origin and expected.origin and not different_inputs:
            wrong = actual.origin.differing(expected.origin, names.renamed)
            if wrong:
                raise UsageError(
                    f"'{self.actual}' and '{self.expected}' were computed from different inputs: "
                    f"{', '.join(wrong)}",
                    way_out="Record them from the same, or add --different-inputs",
                )
        pair = Pair(*self.labels(actual, expected))
        return judge_pair(
            pair, actual, expected, tolerance, names, self.place, of_one_case=judge_recorded
        )

    def labels(self, actual: Recording, expected: Recording) -> tuple[str, str]:
        """Call each side by its backend, or its file; where that is the same, by what differs.

        Files of two directories are called by what differs in any case: all have one head then.
        """
        parts = zip(
            (*self.actual.parts[:-1], self.actual.stem),
            (*self.expected.parts[:-1], self.expected.stem),
            strict=False,
        )
        sides = next((pair for pair in parts if pair[0] != pair[1]), ("actual", "expected"))
        files = sides if self.place else (self.actual.stem, self.expected.stem)
        names = (actual.backend or files[0], expected.backend or files[1])
        if names[0] != names[1]:
            return names
        return (f"{names[0]} ({sides[0]})", f"{names[1]} ({sides[1]})")


def unreadable(place: str, error: GradcmpError) -> CaseVerdict:
    """Return the verdict on files of two directories that could not be compared."""
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.recording import Failure

    return CaseVerdict(titled(place), "", {place: Failure(place, "error", str(error))})


def lonely(recording: Recording, place: str, there: Path, missing: Path) -> CaseVerdict:
    """Return the verdict on a file that only one directory has: it could not be compared."""
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.recording import Failure

    failure = Failure(str(missing), "absent", f"'{place}' is only in '{there}'")
    return CaseVerdict(titled(place), "", {str(there): recording, str(missing): failure})


def titled(place: str) -> Case:
    """Return a case of which only the name is known."""
    return Case(place, inputs={}, graph={}, output="", wrt=(), backends=())
