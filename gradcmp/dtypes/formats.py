"""Binary floating-point formats: what each dtype that one can compute in is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

DType: TypeAlias = Literal["float64", "float32", "float16", "bfloat16", "complex128", "complex64"]


@dataclass(frozen=True)
class Format:
    """A binary floating-point format of IEEE 754 kind, and how frameworks compute in it.

    Attributes
    ----------
    digits : int
        Bits of the fraction: there are 2**digits numbers from one power of two to the next.
    lowest : int
        The exponent of the smallest normal number.
    eta : float
        The smallest step near zero; frameworks may flush anything below it.
    accumulator : str
        The dtype of the accumulator of a sum or a matrix product.
    computes_in : str
        The dtype that computes where this one only stores numbers, so that each op rounds once.
        float16 computes by itself, since TensorFlow's is rougher than that
        (docs/design/half_precision.md).
    """

    name: DType
    digits: int
    lowest: int
    eta: float
    accumulator: DType
    computes_in: DType

    @property
    def significand(self) -> int:
        """Bits of the significand, the one before the point among them."""
        return self.digits + 1

    @cached_property
    def u(self) -> float:
        """Unit roundoff: half the distance from 1 to the next number."""
        return 2.0**-self.significand

    @cached_property
    def u_sum(self) -> float:
        """Unit roundoff of the accumulator of a sum or a matrix product."""
        return FORMATS[self.accumulator].u

    @cached_property
    def largest(self) -> float:
        """The largest finite number."""
        return (2 - 2.0**-self.digits) * 2.0 ** (1 - self.lowest)

    @property
    def only_stores(self) -> bool:
        """Whether another dtype computes, and numbers are rounded to this one after each op."""
        return self.computes_in != self.name


FORMATS: Mapping[str, Format] = {  # finest first
    known.name: known
    for known in (
        Format("float64", 52, -1022, 2.0**-1022, "float64", "float64"),
        Format("float32", 23, -126, 2.0**-126, "float32", "float32"),
        Format("float16", 10, -14, 2.0**-25, "float32", "float16"),
        Format("bfloat16", 7, -126, 2.0**-126, "float32", "float32"),
    )
}
DTYPES: tuple[DType, ...] = tuple(known.name for known in FORMATS.values())  # of real numbers
# Of complex numbers, and the dtype of their real and imaginary parts.
COMPLEX: Mapping[DType, DType] = {"complex128": "float64", "complex64": "float32"}
# What whoever asks for complex numbers in functions can do instead.
REAL_PARTS = "Write a graph, or let the functions take real and imaginary parts"
AUTOCAST: tuple[DType, ...] = ("bfloat16", "float16")  # what torch.autocast goes down to


def coarser(first: str, second: str) -> Format:
    """Return the format of the two that has fewer digits."""
    return min(FORMATS[first], FORMATS[second], key=lambda known: known.digits)


def part_of(dtype: DType) -> DType:
    """Return the dtype of the parts of complex numbers; of real ones their own."""
    return COMPLEX.get(dtype, dtype)


def finest(dtype: DType) -> DType:
    """Return the finest dtype of the same numbers: float64, or complex128."""
    return "complex128" if dtype in COMPLEX else "float64"
