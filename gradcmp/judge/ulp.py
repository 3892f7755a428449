"""Units in the last place: distances counted in representable numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcmp.case import DType
from gradcmp.recording import Array


@dataclass(frozen=True)
class Format:
    """A binary floating-point format of IEEE 754 kind.

    Attributes
    ----------
    digits : int
        Bits of the fraction: there are 2**digits numbers from one power of two to the next.
    lowest : int
        The exponent of the smallest normal number.
    """

    name: DType
    digits: int
    lowest: int


FORMATS: dict[str, Format] = {
    known.name: known
    for known in (
        Format("float64", 52, -1022),
        Format("float32", 23, -126),
        Format("float16", 10, -14),
        Format("bfloat16", 7, -126),
    )
}


def coarser(first: str, second: str) -> Format:
    """Give the format of the two that has fewer digits."""
    return min(FORMATS[first], FORMATS[second], key=lambda known: known.digits)


class Ruler:
    """Measures ULP in `unit` between numbers held in a `carrier` at least as fine.

    Every non-negative number has a place on a scale on which the representable numbers of `unit`
    lie at 0, 1, 2 …, zero first, and which is linear between neighbours; a negative number has
    the negated place of its magnitude. The distance is the difference of the two places: for
    numbers of `unit` the count of steps from one to the next, through zero where the signs
    differ; for numbers of a finer carrier it has a fraction.

    An IEEE 754 number read as an integer *is* that place, in the carrier's own steps. Scaling by
    a power of two first, so that the smallest normal number of `unit` falls on the carrier's,
    leaves gradual underflow to make the scale linear below it, as it is in `unit`.

    Attributes
    ----------
    shift : int
        Distances are returned as integers in units of 2**-shift ULP.
    """

    def __init__(self, unit: Format, carrier: Format, size: int) -> None:
        dtype = np.dtype(carrier.name)
        self.shift = carrier.digits - unit.digits
        self._scale = dtype.type(2.0 ** (carrier.lowest - unit.lowest))
        self._integer = np.dtype(f"i{dtype.itemsize}")
        self._unsigned = np.dtype(f"u{dtype.itemsize}")
        self._scaled = [np.empty(size, dtype) for _ in range(2 if self._scale != 1 else 0)]
        self._steps = np.empty(size, self._integer)

    def measure(self, actual: Array, expected: Array) -> Array:
        """Give the distances between finite numbers of the carrier, as unsigned integers.

        The result lies in a buffer that the next call overwrites.
        """
        count = len(actual)
        if self._scaled:
            actual = np.multiply(actual, self._scale, out=self._scaled[0][:count])
            expected = np.multiply(expected, self._scale, out=self._scaled[1][:count])
        a, e = actual.view(self._integer), expected.view(self._integer)
        steps = np.bitwise_xor(a, e, out=self._steps[:count])
        crossing = np.flatnonzero(steps < 0) if steps.min() < 0 else None
        np.subtract(a, e, out=steps)
        np.abs(steps, out=steps)
        unsigned: Array = steps.view(self._unsigned)
        if crossing is not None:
            largest = np.iinfo(self._integer).max  # all bits but the sign
            places = [x[crossing] & largest for x in (a, e)]
            unsigned[crossing] = places[0].view(self._unsigned) + places[1].view(self._unsigned)
        return unsigned


FEW = 6  # passes over the data cost less than taking logarithms up to this many octaves


def octaves(steps: Array, shift: int, top: int) -> Array:
    """Count distances by octave: below 1 ULP, from 1, from 2, from 4, from 8 ULP on …

    Parameters
    ----------
    steps : array of unsigned int
        Distances in units of 2**-shift ULP; `top` is the largest of them.
    """
    highest = (top >> shift).bit_length()
    if highest <= FEW:
        at_least = [len(steps)] + [
            int(np.count_nonzero(steps >= steps.dtype.type(1 << (shift + k))))
            for k in range(highest)
        ]
        return -np.diff(np.array([*at_least, 0]))
    whole = steps >> steps.dtype.type(shift)
    leading = whole & ~(whole >> steps.dtype.type(1))  # keeps float64 from rounding up an octave
    exponents = (leading.astype(np.float64).view(np.int64) >> 52) - 1022  # zero: below 0
    counts: np.ndarray[Any, Any] = np.bincount(np.maximum(exponents, 0), minlength=highest + 1)
    return counts
