"""Every array as a textbook prints it: node by node, forward and then backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from rich.text import Text

from gradcmp.derivatives import is_derived
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.recording import Array
from gradcmp.report.words.ink import QUIET, STRONG, Ink


def arrays(ink: Ink, verdict: CaseVerdict) -> Iterator[Text]:
    """Print inputs, values and gradients; backends that have equal numbers share one print."""
    compared = verdict.tensors
    parts = {
        "inputs": tuple(name for name in verdict.case.inputs if name not in compared),
        "forward": tuple(n for n in compared if not n.startswith("d ") and not is_derived(n)),
        "backward": tuple(name for name in compared if name.startswith("d ")),
        verdict.case.derivative: tuple(name for name in compared if is_derived(name)),
    }
    tensors = {label: recording.tensors for label, recording in verdict.recordings.items()}
    for part, names in parts.items():
        if not any(name in by for name in names for by in tensors.values()):
            continue
        yield Text()
        yield ink(part, QUIET)
        for name in names:
            yield from tensor(ink, name, {k: by[name] for k, by in tensors.items() if name in by})


def tensor(ink: Ink, name: str, by: Mapping[str, Array]) -> Iterator[Text]:
    """Print one tensor, once for each group of backends that have the same numbers."""
    for labels in alike(by):
        who = f"all {len(by)} backends" if 1 < len(by) == len(labels) else ", ".join(labels)
        yield from ink.wrap(Text.assemble(ink(name, STRONG), ink(f"  {who}", QUIET)), 2, 2)
        array = by[labels[0]]
        real = array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16
        text = np.array2string(
            real, max_line_width=ink.width - 4, precision=8, threshold=1000, edgeitems=3
        )
        for line in text.splitlines():
            yield from ink.wrap(ink(line), 4)


def alike(by: Mapping[str, Array]) -> list[list[str]]:
    """Group labels whose arrays are equal, whatever their dtypes; NaN equals NaN here."""
    groups: list[list[str]] = []
    for label, array in by.items():
        for group in groups:
            if same(array, by[group[0]]):
                group.append(label)
                break
        else:
            groups.append([label])
    return groups


def same(one: Array, other: Array) -> bool:
    """Return whether two arrays are equal numbers; float64 holds every float that is compared."""
    return np.array_equal(one.astype(np.float64), other.astype(np.float64), equal_nan=True)
