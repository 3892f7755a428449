"""bfloat16: float32 inside of a primitive, and a number of the dtype after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gradcmp.judge.noise.model import NoiseModel, NoisyArray, Stack
from gradcmp.ops.primitives import Sum

# What a library that says nothing of its sums may add up in the dtype itself.
ANY: frozenset[str] = frozenset(
    ("backward", "bare", "running", "scatter", "affine", "convolved", "bias")
)


@dataclass
class Bfloat16Model(NoiseModel):
    """The rounding of a dtype that numbers are stored in, while float32 computes.

    After every primitive the replicas are numbers of the dtype: ``RN(RN(c y) / c)``, and what
    is one already stays as it is. So small terms get lost in additions, and a difference may
    be exactly zero, as in the frameworks. These are two `roundings`.

    Attributes
    ----------
    coarse : set of str
        The kinds of sums that are added up in the dtype itself.
    backwards : bool
        Whether the forward pass is over.
    """

    kink_width: ClassVar[float] = 2.0  # rounding as frameworks do, replicas cross a kink themselves
    roundings: ClassVar[int] = 2
    coarse: frozenset[str] = ANY
    backwards: bool = False

    def wrap_with_error(self, stack: Stack) -> NoisyArray:
        """Move what is taken in, exact or not: it absorbs equally good algorithms."""
        return self._settle(stack, np.zeros((), np.bool_))

    def jitter(
        self, stack: Stack, kappa: float | Stack, common: bool = False, product: bool = False
    ) -> NoisyArray:
        """Round the replicas; elementary functions go through float32 as well, so kappa is 1.

        A product or quotient of two arrays is moved even where it is exact: multiplied in another
        order it need not be, as ``z / y`` for ``x / y / y`` with ``z = x / y = 1``.
        """
        exact = self._round(stack[1:]) == stack[1:]
        return self._settle(stack, exact & (not product))

    def jitter_sum(self, stack: Stack, squares: Stack, terms: Any, kind: Sum) -> NoisyArray:
        """Add the error of a sum, and round what comes out.

        In the dtype itself a sum S of n terms t stands still where those are less than half a step
        of it. Up to a share ``1 - rms(t) / (u |S|)`` of it is lost: of alike terms all but 1 / u.
        """
        if self.accumulator(kind) < self.precision.u:
            return super().jitter_sum(stack, squares, terms, kind)  # rounds by itself
        step = np.sqrt(squares / terms) / self.precision.u
        lost = np.fmax(1 - step / np.abs(stack[:1]), 0.0)
        stack[1:] *= 1 - lost * (self._draw(stack.ndim) - 1)
        super().jitter_sum(stack, squares, terms, kind)
        return self.jitter(stack, 1.0)

    def _settle(self, stack: Stack, settled: Stack) -> NoisyArray:
        """Make the replicas numbers of the dtype, but where they are `settled`."""
        y = stack[1:]
        c = self._draw(stack.ndim)
        rounded = self._round(self._round(c * y) / c)
        y[...] = np.where(settled | ~np.isfinite(rounded), y, rounded)
        return NoisyArray(stack, self)

    def accumulator(self, kind: Sum) -> float:
        """Return the unit roundoff in which a kind of sum is added up."""
        if kind == "sum" and self.backwards:
            kind = "backward"
        return self.precision.u if kind in self.coarse else self.precision.u_sum

    def tie_probability(self, ndim: int) -> Any:
        """Return how often a near tie goes one way: in half of the replicas always or never.

        Few digits tie often, and a library breaks all ties of a sum alike.
        """
        found = self.rng.choice((0.0, 0.5, 0.5, 1.0), self.replicas)
        return found.reshape((-1,) + (1,) * (ndim - 1))

    def begin_backward(self) -> None:
        """Go backwards: what is summed from here on are cotangents."""
        self.backwards = True
