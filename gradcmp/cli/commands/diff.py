"""``gradcmp diff``: two recordings, or two directories of them, without any framework."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcmp.case import Case, Tolerance
from gradcmp.cli import options
from gradcmp.cli.output import Output, output
from gradcmp.errors import ExitCode, UsageError

if TYPE_CHECKING:
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
    tolerance: Tolerance,
    maps: tuple[str, ...],
    only: tuple[str, ...],
    different_inputs: bool,
    output: Output,
) -> ExitCode:
    """Compare saved gradients, element by element: recordings, .npz, .npy, or directories of them.

    Files of two directories belong together when they have the same place in both.
    """
    from gradcmp.cli.screen import show
    from gradcmp.judge.recorded.pair import Names
    from gradcmp.recording.files import find

    names = Names(parse_maps(maps), only)
    left, right = find(actual), find(expected)
    if actual.is_dir() != expected.is_dir():
        raise UsageError(
            f"'{actual}' and '{expected}' are a file and a directory", way_out="Name two of a kind"
        )
    verdicts = []
    for place in sorted({**left, **right}):
        if place in left and place in right:
            duel = Duel(left[place], right[place], place)
            verdicts.append(duel.judge(tolerance, names, different_inputs))
        else:
            verdicts.append(
                lonely(place, *((actual, expected) if place in left else (expected, actual)))
            )
    return show(verdicts, output)


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

    def judge(self, tolerance: Tolerance, names: Names, different_inputs: bool) -> CaseVerdict:
        """Read both and judge them.

        Raises
        ------
        UsageError
            When they were computed from different inputs, unless that is what is wanted.
        """
        from gradcmp.judge.recorded.pair import judge_pair
        from gradcmp.judge.verdict import Pair
        from gradcmp.recording.files import read

        actual, expected = read(self.actual), read(self.expected)
        if actual.origin and expected.origin and not different_inputs:
            wrong = actual.origin.differing(expected.origin, names.renamed)
            if wrong:
                raise UsageError(
                    f"'{self.actual}' and '{self.expected}' were computed from different inputs: "
                    f"{', '.join(wrong)}",
                    way_out="Record them from the same, or add --different-inputs",
                )
        pair = Pair(*self.labels(actual, expected))
        return judge_pair(pair, actual, expected, tolerance, names, self.place)

    def labels(self, actual: Recording, expected: Recording) -> tuple[str, str]:
        """Call each side by its backend, or its file; where that is the same, by what differs."""
        backends = (actual.backend or self.actual.stem, expected.backend or self.expected.stem)
        if backends[0] != backends[1]:
            return backends
        parts = zip(
            (*self.actual.parts[:-1], self.actual.stem),
            (*self.expected.parts[:-1], self.expected.stem),
            strict=False,
        )
        sides = next((pair for pair in parts if pair[0] != pair[1]), ("actual", "expected"))
        return (f"{backends[0]} ({sides[0]})", f"{backends[1]} ({sides[1]})")


def lonely(place: str, there: Path, missing: Path) -> CaseVerdict:
    """Return the verdict on a file that only one directory has: it could not be compared."""
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.recording import Failure
    from gradcmp.recording.files import read

    failure = Failure(str(missing), "absent", f"'{place}' is only in '{there}'")
    case = Case(place, inputs={}, graph={}, output="", wrt=(), backends=())
    return CaseVerdict(case, "", {str(there): read(there / place), str(missing): failure})
