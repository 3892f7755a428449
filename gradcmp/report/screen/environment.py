"""What differs between saved recordings beside their numbers: versions, flags, machine, case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Recording
from gradcmp.report.words.figures import count
from gradcmp.report.words.ink import QUIET, STRONG, Ink

ABSENT = "–"
UNKNOWN = "not known"

Row = tuple[str, str, str]  # what, on the actual side, on the expected side


@dataclass(frozen=True)
class Differences:
    """What differs between the two sides of each pair of saved recordings; a rich renderable.

    Pairs that differ in the same way share a table. Recordings of one run share their case and
    are meant to differ in the rest: nothing is said of them.
    """

    verdicts: Sequence[CaseVerdict]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines, none of them wider than the console."""
        ink = Ink.on(console, options)
        found: dict[tuple[Row, ...], dict[Pair, int]] = {}
        for verdict in self.verdicts:
            for pair in verdict.comparisons:
                sides = (verdict.recordings[pair.actual], verdict.recordings[pair.expected])
                if all(map(is_saved, sides)):
                    pairs = found.setdefault(tuple(differences(*sides)), {})
                    pairs[pair] = pairs.get(pair, 0) + 1
        for rows, pairs in found.items():
            if rows:
                for pair, times in pairs.items():
                    yield from table(ink, pair, rows, times)
            else:
                names = ", ".join(map(str, pairs))
                yield from ink.wrap(ink(f"{names}: recorded in the same environment", QUIET), 0, 2)
            yield Text()


def table(ink: Ink, pair: Pair, rows: Sequence[Row], times: int) -> Iterator[Text]:
    """Draw what differs in one pair of sides."""
    cases = f" ({count(times, 'case')})" if times > 1 else ""
    yield from ink.wrap(ink(f"what differs beside the numbers{cases}", QUIET))
    heads = [ink(""), ink(pair.actual, STRONG), ink(pair.expected, STRONG)]
    yield from ink.grid([heads, *([ink(cell) for cell in row] for row in rows)])


def is_saved(recording: Recording) -> bool:
    """Whether it came out of a file, with its origin or as arrays alone."""
    return recording.origin is not None or not recording.dtype


def differences(actual: Recording, expected: Recording) -> Iterator[Row]:
    """Return what differs: the backend, its environment, the machine, the case.

    Arrays from a .npz or .npy file come with nothing that could differ; that nobody knows their
    inputs is said.
    """
    mine, theirs = facts(actual), facts(expected)
    whole = actual.dtype and expected.dtype
    for what in {**mine, **theirs} if whole else [what for what in mine if what in theirs]:
        pair = (mine.get(what, ABSENT), theirs.get(what, ABSENT))
        if pair[0] != pair[1] or UNKNOWN in pair:
            yield (what, *pair)


def facts(recording: Recording) -> Mapping[str, str]:
    """Return all that a recording says of itself, by what a reader calls it."""
    if not recording.dtype:
        return {"inputs": UNKNOWN}
    known = {"backend": recording.backend, "dtype": recording.dtype, **recording.environment}
    if recording.origin is None:
        return known
    case = recording.origin.case
    return {
        **known,
        **recording.origin.recorder,
        "case": case.name,
        "seed": str(case.seed),
        **{f"node {name}": text for name, text in recording.origin.graph.items()},
        "output": case.output,
        "with respect to": ", ".join(case.wrt),
        "inputs": ", ".join(
            f"{name} {digest[:8]}" for name, digest in recording.origin.hashes.items()
        ),
    }
