"""Units in the last place: distances counted in representable numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from struct import Struct

import numpy as np

from gradcmp.dtypes import FORMATS, Format
from gradcmp.recording import Array

FLOAT64 = FORMATS["float64"]
# By bytes: what floats are read as, signed and unsigned, and all bits but the sign.
INTEGERS = {
    size: (np.dtype(f"i{size}"), np.dtype(f"u{size}"), (1 << (8 * size - 1)) - 1) for size in (4, 8)
}
FLOAT, INTEGER = Struct("<d"), Struct("<q")


def distance(actual: float, expected: float, unit: Format) -> float:
    """Return the distance of two finite numbers in ULP of `unit`, as an `UlpScale` measures it."""
    scale = ulp_scale(unit, FLOAT64)
    steps = abs(_place(actual * scale.factor) - _place(expected * scale.factor))
    if steps == 0 and actual != expected:  # what underflow took still sets them apart
        steps = 1
    return steps / 2.0**scale.shift


def _place(x: float) -> int:
    """Return the place of a number on the scale of float64."""
    (bits,) = INTEGER.unpack(FLOAT.pack(abs(x)))
    return -int(bits) if x < 0 else int(bits)


@dataclass(frozen=True)
class UlpScale:
    """Measures ULP in one format between numbers in a carrier at least as fine.

    Every non-negative number has a place on a scale on which the representable numbers of the
    unit lie at 0, 1, 2 …, zero first, and which is linear between neighbours; a negative number
    has the negated place of its magnitude. The distance is the difference of the two places: for
    numbers of the unit the count of steps from one to the next, through zero where the signs
    differ; for numbers of a finer carrier it has a fraction.

    An IEEE 754 number read as an integer *is* that place, in the carrier's own steps. Scaling by
    a power of two first, so that the smallest normal number of the unit falls on the carrier's,
    leaves gradual underflow to make the scale linear below it, as it is in the unit.

    Attributes
    ----------
    shift : int
        Distances are returned as integers in units of 2**-shift ULP.
    factor : float
        The power of two that numbers are multiplied with first; 1 where that changes nothing.
    """

    shift: int
    factor: float

    def steps(
        self, actual: Array, expected: Array, out: Array | None = None, *, one_sign: bool = False
    ) -> tuple[Array, int]:
        """Return the distances between finite numbers of the carrier, and the largest of them.

        They are unsigned integers. Only equal numbers, +0 and −0 among them, have the distance 0.

        Parameters
        ----------
        out : array, optional
            A buffer of their width, which they are put in.
        one_sign : bool
            Whether the two numbers of a pair are known to have one sign, or to be zeros.
        """
        signed, unsigned, magnitude = INTEGERS[actual.dtype.itemsize]
        if self.factor == 1:
            a, e = actual.view(signed), expected.view(signed)
        else:
            a, e = ((x * self.factor).view(signed) for x in (actual, expected))
        steps = np.subtract(
            a, e, out=None if out is None else out.view(signed)
        )  # modulo the integer's range
        steps = np.abs(steps, out=steps).view(unsigned)
        top = int(steps.max())
        if not one_sign or top > magnitude:  # +0 and −0 are a sign bit apart
            crossing = np.flatnonzero((a ^ e) < 0)
            first, second = ((x[crossing] & magnitude).view(unsigned) for x in (a, e))
            steps[crossing] = first + second
            top = int(steps.max())
        if self.factor != 1:  # what underflow took from the scaled numbers still sets them apart
            np.maximum(steps, actual != expected, out=steps)
            top = max(top, int(steps.max()))
        return steps, top


@lru_cache
def ulp_scale(unit: Format, carrier: Format) -> UlpScale:
    """Return the scale on which numbers of `carrier` are measured in ULP of `unit`."""
    return UlpScale(carrier.digits - unit.digits, 2.0 ** (carrier.lowest - unit.lowest))


def octaves(
    steps: Array, top: int, shift: int = 0, out: Array | None = None
) -> tuple[Array, list[int]]:
    """Return a byte for each distance that grows with its octave, and the byte of each octave.

    The octaves are below 1 ULP, from 1, from 2, from 4, from 8 ULP on …; a distance has reached
    one if its byte is not below the octave's.

    Parameters
    ----------
    steps : array of unsigned int
        Distances in units of 2**-shift ULP; `top` is the largest of them.
    """
    highest = (top >> shift).bit_length()
    if highest <= 8:
        narrow = np.empty(len(steps), np.uint8) if out is None else out
        if shift:  # and narrowed, in one go
            np.right_shift(steps, steps.dtype.type(shift), out=narrow, casting="unsafe")
        else:
            np.copyto(narrow, steps, casting="unsafe")
        return narrow, [1 << k for k in range(highest)]
    whole = steps >> steps.dtype.type(shift) if shift else steps
    if highest < 32:
        whole = whole.astype(np.int32)  # signed, which NumPy converts faster
    rest = whole >> 1
    np.invert(rest, out=rest)
    np.bitwise_and(whole, rest, out=rest)  # keeps rounding from reaching the next power of two
    exponents = rest.astype(np.float32).view(np.int32)
    np.right_shift(exponents, 23, out=exponents)
    return exponents.astype(np.uint8), [127 + k for k in range(highest)]
