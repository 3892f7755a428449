"""Whether both sides were given the same inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from gradcmp.case import Ulp
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.determinism import same_bits
from gradcmp.judge.elementwise.arrays import compare, compare_named
from gradcmp.judge.sides import Side, compare_required
from gradcmp.recording import Array


def strange_inputs(names: Iterable[str], sides: tuple[Side, ...]) -> dict[str, Comparison]:
    """Return the comparisons of the inputs that are not the same on both sides."""
    doubtful = (name for name in names if not _is_given(name, sides))
    compared = {name: _compare(name, sides) for name in doubtful}
    return {name: one for name, one in compared.items() if not one.agrees}


def _is_given(name: str, sides: tuple[Side, ...]) -> bool:
    """Whether both sides surely have the same input: one is the other, or its plain cast."""
    arrays = [side.arrays.get(name) for side in sides]
    if any(a is None or s.stray_dtype(name) for a, s in zip(arrays, sides, strict=True)):
        return False
    actual, expected = arrays
    if actual is None or expected is None or actual.shape != expected.shape:
        return False
    with np.errstate(all="ignore"):
        cast = expected.astype(actual.dtype) if actual.dtype.kind in "fV" else expected
    return same_bits(actual, cast)


def _compare(name: str, sides: tuple[Side, ...]) -> Comparison:
    """Make sure that both sides were given the same numbers, each in its own dtype."""
    same_dtype = len({side.dtype for side in sides}) == 1
    # Casts from float64 and from an already rounded number differ by one step at most.
    tolerance = Ulp(0 if same_dtype else 1)
    comparison = compare_required([name], sides, partial(compare_named, tolerance=tolerance))[name]
    if comparison.agrees:
        return comparison
    if comparison.total:  # the same shape and kind: look past overflow and underflow in a cast
        actual, expected = (side.arrays[name] for side in sides)
        rest = ~(_casts_to(actual, expected) | _casts_to(expected, actual))
        comparison = replace(
            comparison, verdict=compare(actual[rest], expected[rest], tolerance).verdict
        )
    detail = f"not the same input: {comparison.verdict.detail or 'its numbers differ'}"
    return replace(comparison, verdict=replace(comparison.verdict, detail=detail))


def _casts_to(fine: Array, coarse: Array) -> Array:
    """Find the elements of `fine` that are those of `coarse` once in its dtype."""
    with np.errstate(all="ignore"):
        cast = fine.astype(coarse.dtype)
        same: Array = (cast == coarse) | ((cast != cast) & (coarse != coarse))
    return same
