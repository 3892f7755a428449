"""What a way to measure tensors has to tell: by a tolerance, or by noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gradcmp.case import DType
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Array


class Allowance(Protocol):
    """What each element of a gradient may be off, as far as it is known."""

    @property
    def least(self) -> Float:
        """As little as it may be."""

    @property
    def likely(self) -> Float:
        """What it is, most likely."""

    @property
    def most(self) -> Float:
        """As much as it may be."""


@dataclass(frozen=True)
class Exact:
    """An allowance that needs no estimate."""

    likely: Float

    @property
    def least(self) -> Float:
        """The same."""
        return self.likely

    @property
    def most(self) -> Float:
        """The same."""
        return self.likely


@dataclass(frozen=True)
class Latitude:
    """What is right of each element of a gradient, whichever way open branches are taken.

    Attributes
    ----------
    low, high : array
        Equal where no branch is open.
    """

    low: Float
    high: Float


@dataclass(frozen=True)
class TiedDirection:
    """A direction in which gradients differ, and along which no open branch makes a difference.

    Attributes
    ----------
    directions : mapping of str to array
        By gradient, how far its tensor moves.
    allowed : float
        What the two sides may be apart along it.
    """

    directions: Mapping[str, Float]
    allowed: float


class TensorJudge(Protocol):
    """A way to measure tensors: by a tolerance, or by noise."""

    @property
    def limit(self) -> float:
        """How many times the noise is allowed."""

    def compare(
        self, pair: Pair, tensors: Mapping[str, tuple[Array, Array]]
    ) -> dict[str, Comparison]:
        """Compare tensors of one pair: actual and expected, by name."""

    def noise(self, name: str, pair: Pair) -> Float:
        """Return the noise of each element of a tensor, in the shape of the expected side."""

    def allowances(self, name: str, expected: Float, dtype: DType) -> Iterator[Allowance]:
        """Return what each element of a gradient that was computed in `dtype` may be off.

        First what costs little to know, then what it is.
        """

    def latitude(self, name: str, pair: Pair) -> Latitude | None:
        """Return what open branches leave to a gradient; None where none is known to be open."""

    def tied_direction(self, names: Sequence[str], pair: Pair) -> TiedDirection | None:
        """Return where gradients differ by what no choice of branches explains, if they do."""
