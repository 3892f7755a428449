"""Whether a case fits into memory, checked before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gradcmp.errors import InputError, Location
from gradcmp.machine import memory
from gradcmp.ops import ArraySpec

BYTES = 2 * 8  # a value and a gradient, in float64


def require_memory(specs: Mapping[str, ArraySpec], where: Location | None = None) -> None:
    """Refuse arrays whose float64 values and gradients exceed this machine's memory.

    Parameters
    ----------
    specs : mapping of str to ArraySpec
        All inputs and nodes of a case.

    Raises
    ------
    InputError
        Naming the largest array, the memory that is needed and the memory that there is.
    """
    needed = BYTES * sum(math.prod(spec.shape) for spec in specs.values())
    there = memory()
    if there is not None and needed > there:
        largest = max(specs, key=lambda name: math.prod(specs[name].shape))
        raise InputError(
            f"values and gradients need {_size(needed)} of memory, and this machine has "
            f"{_size(there)}; the largest is '{largest}' with shape {specs[largest].shape}",
            where=where,
            way_out="Make it smaller",
        )


def _size(count: int) -> str:
    if count >= 1 << 70:  # beyond what a float divides, with many long axes
        return "more than 1000 EiB"
    power = min((max(count, 1).bit_length() - 1) // 10, 6)
    return f"{count / 1024**power:.4g} {('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB')[power]}"
