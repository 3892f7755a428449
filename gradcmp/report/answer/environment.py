"""What differs between saved recordings beside their numbers: versions, flags, machine, case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from gradcmp.recording import Recording

ABSENT = "–"
UNKNOWN = "not known"

Row: TypeAlias = tuple[str, str, str]  # what, on the actual side, on the expected side


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
