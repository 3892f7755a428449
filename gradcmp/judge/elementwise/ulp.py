"""Units in the last place: distances counted in representable numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from struct import Struct

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


FLOAT64 = FORMATS["float64"]
FLOAT, INTEGER = Struct("<d"), Struct("<q")


def coarser(first: str, second: str) -> Format:
    """Return the format of the two that has fewer digits."""
    return min(FORMATS[first], FORMATS[second], key=lambda known: known.digits)


def distance(actual: float, expected: float, unit: Format) -> float:
    """Return the distance of two finite numbers in ULP of `unit`, as a `UlpMeter` measures it."""
    scale = 2.0 ** (FLOAT64.lowest - unit.lowest)
    steps = abs(_place(actual * scale) - _place(expected * scale))
    if steps == 0 and actual != expected:  # what underflow took still sets them apart
        steps = 1
    return steps / 2.0 ** (FLOAT64.digits - unit.digits)


def _place(x: float) -> int:
    """Return the place of a number on the scale of float64."""
    (bits,) = INTEGER.unpack(FLOAT.pack(abs(x)))
    return -int(bits) if x < 0 else int(bits)


class UlpMeter:
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
    scale : float
        The power of two that numbers are multiplied with first; 1 where that changes nothing.
    """

    def __init__(self, unit: Format, carrier: Format, size: int) -> None:
        dtype = np.dtype(carrier.name)
        self.shift = carrier.digits - unit.digits
        self.scale = dtype.type(2.0 ** (carrier.lowest - unit.lowest))
        self._integer = np.dtype(f"i{dtype.itemsize}")
        self._unsigned = np.dtype(f"u{dtype.itemsize}")
        self._scaled = [np.empty(size, dtype) for _ in range(2 if self.scale != 1 else 0)]
        self._steps = np.empty(size, self._integer)

    def measure(
        self, actual: Array, expected: Array, *, one_sign: bool = False
    ) -> tuple[Array, int]:
        """Return the distances between finite numbers of the carrier, and the largest of them.

        They are unsigned integers in a buffer that the next call overwrites. Only equal numbers,
        +0 and −0 among them, have the distance 0.

        Parameters
        ----------
        one_sign : bool
            Whether the two numbers of a pair are known to have one sign, or to be zeros.
        """
        count = len(actual)
        held = (actual, expected)
        if self._scaled:
            pairs = zip(held, self._scaled, strict=True)
            held = tuple(np.multiply(x, self.scale, out=out[:count]) for x, out in pairs)
        a, e = (x.view(self._integer) for x in held)
        steps = np.subtract(a, e, out=self._steps[:count])  # modulo the integer's range
        unsigned: Array = np.abs(steps, out=steps).view(self._unsigned)
        largest = np.iinfo(self._integer).max  # all bits but the sign
        top = int(unsigned.max())
        if not one_sign or top > largest:  # +0 and −0 are a sign bit apart
            crossing = np.flatnonzero((a ^ e) < 0)
            places = [(x[crossing] & largest).view(self._unsigned) for x in (a, e)]
            unsigned[crossing] = places[0] + places[1]
            top = int(unsigned.max())
        if self._scaled:  # what underflow took from the scaled numbers still sets them apart
            np.maximum(unsigned, actual != expected, out=unsigned)
            top = max(top, int(unsigned.max()))
        return unsigned, top


def octaves(whole: Array, top: int) -> list[int]:
    """Count distances by octave: below 1 ULP, from 1, from 2, from 4, from 8 ULP on …

    Parameters
    ----------
    whole : array of unsigned int
        Distances in whole ULP; `top` is the largest of them.
    """
    highest = top.bit_length()
    if highest > MOST_BITS:
        above = whole >> whole.dtype.type(MOST_BITS)
        within = octaves(whole[above == 0], (1 << MOST_BITS) - 1)
        return [*within, *octaves(above, top >> MOST_BITS)[1:]]
    narrow, first = _logarithms(whole) if highest > 8 else (whole.astype(np.uint8), None)
    floors = [1 << k if first is None else first + k for k in range(highest)]
    at_least = [int(np.count_nonzero(narrow >= np.uint8(floor))) for floor in floors]
    return [more - fewer for more, fewer in pairwise([len(whole), *at_least, 0])]


MOST_BITS = 31  # what a signed 32-bit integer holds


def _logarithms(whole: Array) -> tuple[Array, int]:
    """Return the exponents of integers below 2**31 in a byte, with the byte that stands for 1."""
    bits = whole.astype(np.int32)
    rest = bits >> 1
    np.invert(rest, out=rest)
    np.bitwise_and(bits, rest, out=bits)  # keeps rounding from reaching the next power of two
    exponents = bits.astype(np.float32).view(np.int32)
    np.right_shift(exponents, 23, out=exponents)
    return exponents.astype(np.uint8), 127
