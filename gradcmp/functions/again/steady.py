"""Functions whose two runs differ: they draw random numbers that no seed reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gradcmp.case import Case
from gradcmp.functions.recorded import recorded
from gradcmp.functions.sides import Sides, run_plain
from gradcmp.judge import CaseVerdict, compare
from gradcmp.native.outcome import Outcome
from gradcmp.native.side import Side
from gradcmp.native.way import DrawnCotangents
from gradcmp.recording import Failure, Recording
from gradcmp.tolerances import DTypeTable

# How each framework's random numbers are made to be the same in every run.
WAYS_OUT = {
    "torch": (
        "Draw from torch's own generator, which is seeded alike before each run, leave dropout out "
        "with eval(), or pass the mask as an input"
    ),
    "tensorflow": (
        "Draw by tf.random, which is seeded alike before each run, call layers with "
        "training=False, or pass the mask as an input"
    ),
    "jax": "Make the key inside of the function, or pass the numbers as an input",
    "numpy": "Draw by np.random, which is seeded alike before each run, or pass the numbers",
}


def unsteady(
    case: Case, verdict: CaseVerdict, sides: Mapping[str, Side], first: Mapping[str, Outcome]
) -> dict[str, Failure]:
    """Return why a side that disagrees or warns cannot be compared: its next run differs.

    Nothing else is run again: numbers that are drawn anew each time agree with nobody's. Bits that
    differ by rounding, as those of atomic additions do, are steady.

    Parameters
    ----------
    first : mapping of str to Outcome
        Their runs.
    """
    odd = (*verdict.disagreements, *verdict.warnings)
    labels = {one for pair, *_ in odd for one in (pair.actual, pair.expected)}
    asked = {label: side for label, side in sides.items() if label in labels & first.keys()}
    of = DrawnCotangents(case)
    found = {}
    for label, again in run_plain(case, asked).items():
        if isinstance(again, Failure):
            continue
        runs = [recorded(label, asked[label], one, case.dtype, of) for one in (first[label], again)]
        names = [*_differing(*runs)]
        if names:
            way_out = WAYS_OUT.get(asked[label].framework, WAYS_OUT["numpy"])
            text = f"two runs of '{label}' from one seed differ, in {', '.join(names)}. {way_out}."
            found[label] = Failure(label, "error", text)
    return found


def without(sides: Sides, failures: Mapping[str, Failure]) -> Sides:
    """Return the sides that are left."""
    ready = {label: side for label, side in sides.ready.items() if label not in failures}
    return replace(sides, ready=ready, failures={**sides.failures, **failures})


def _differing(first: Recording, again: Recording) -> Iterator[str]:
    for name, array in first.tensors.items():
        other = again.tensors.get(name)
        if other is None or not compare(other, array, DTypeTable()).agrees:
            yield name
