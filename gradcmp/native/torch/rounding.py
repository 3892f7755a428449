"""The rounding error of one operation, on tensors: what `NoiseModel` does to stacks of arrays.

One replica after the other, each with numbers of its own. The formulas and their constants are
those of `gradcmp.judge.noise`: equal values get equal errors, since c is drawn once an operation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch

from gradcmp.dtypes import FORMATS, Format
from gradcmp.judge.noise.bfloat16 import Bfloat16Model
from gradcmp.judge.noise.model import (
    COMMON_MODE,
    ELEMENTARY,
    HASHED_RMS,
    LONGEST_SUM,
    SPREAD,
    NoiseModel,
)
from gradcmp.native.torch.subject import Tensor
from gradcmp.ops.primitives import Sum

MANY = 256
# By unit roundoff, dtypes with the exponents of float32: beyond them there is no error.
WIDE = {FORMATS["float32"].u: torch.float32, FORMATS["bfloat16"].u: torch.bfloat16}


@dataclass
class Rounding:
    """The errors of one replica in one dtype.

    Attributes
    ----------
    rng : Generator
        Draws the c of every operation.
    operands : Format, optional
        What the operands of a matrix product are rounded to first: TF32 units do that.
    coarse : set of str
        The kinds of sums that are added up in the dtype itself.
    """

    precision: Format
    rng: np.random.Generator
    operands: Format | None = None
    coarse: frozenset[Sum] = frozenset(("scatter",))
    _drawn: list[float] = field(default_factory=list)
    kink_width: ClassVar[float] = NoiseModel.kink_width

    def enter(self, x: Tensor) -> Tensor:
        """Return an input or parameter with one error: it absorbs equally good algorithms."""
        return self.jitter(x, 1.0)

    def jitter(self, y: Tensor, kappa: float, product: bool = False) -> Tensor:
        """Return the result of an operation with its error: ``1.4 kappa (RN(c y) / c - y)``.

        Parameters
        ----------
        kappa : float
            How large the error is, in units of u; elementary functions have a part in common.
        product : bool
            Whether it is a product or quotient of two tensors: of interest to bfloat16.
        """
        if not kappa:
            return y
        error = self._error(y, self._draw(y)).mul_(SPREAD * kappa)
        if kappa > ELEMENTARY:
            xi = COMMON_MODE * kappa * self.precision.u * self.rng.standard_normal()
            error.add_(y, alpha=xi)
        return _finite(error).add_(y)

    def jitter_sum(self, y: Tensor, squares: Tensor, terms: Any, kind: Sum = "sum") -> Tensor:
        """Return a sum with its error, of standard deviation ``u sqrt(m/3 S^2 + (m/6 + 1) Q)``."""
        u_sum = self.accumulator(kind)
        if isinstance(terms, torch.Tensor):
            m = terms.clamp(max=LONGEST_SUM)
        else:
            m = min(terms, LONGEST_SUM)
        deviation = (y * y).mul_(m / 3).add_(squares * (m / 6 + 1)).sqrt_()
        y = self.stray(y, squares, deviation.mul_(u_sum))
        return y if u_sum == self.precision.u else self.jitter(y, 1.0)

    def stray(self, y: Tensor, squares: Tensor, deviation: Tensor) -> Tensor:
        """Return `y` with an error of a standard deviation; of equal y and squares the same."""
        w = squares.sqrt().add_(y.abs())
        error = self._error(w, self._draw(y)).div_(w).mul_(deviation)
        return _finite(error.div_(self.precision.u * HASHED_RMS)).add_(y)

    def accumulator(self, kind: Sum) -> float:
        """Return the unit roundoff in which a kind of sum is added up."""
        return self.precision.u if kind in self.coarse else self.precision.u_sum

    def round_operand(self, x: Tensor) -> Tensor:
        """Return an operand of a matrix product as the unit that multiplies sees it."""
        if self.operands is None:
            return x
        coarse = replace(self, precision=self.operands, operands=None, _drawn=[])
        return Rounding.jitter(coarse, x, 1.0)

    def toss(self, like: Tensor) -> Tensor:
        """Return whether each near tie of a comparison goes up."""
        up = self.rng.random(tuple(like.shape)) < self._tie_probability()
        return torch.as_tensor(up, device=like.device)

    def _tie_probability(self) -> float:
        return 0.5

    def representable(self, x: Tensor | float) -> Tensor:
        """Return which numbers the dtype has, its range left alone."""
        held = torch.as_tensor(x, dtype=torch.float64)
        return self._round(held.clone()) == held

    def scatter(self, x: Tensor) -> Tensor:
        """Return standard normal numbers of the shape of `x`."""
        drawn = self.rng.standard_normal(tuple(x.shape))
        return torch.as_tensor(drawn, dtype=torch.float64, device=x.device)

    def _draw(self, y: Tensor) -> Any:
        """Return the next c: many are drawn at once, since one takes as long."""
        if not self._drawn:
            self._drawn = self.rng.uniform(1.0, 2.0, MANY).tolist()
        return self._drawn.pop()

    def _error(self, y: Tensor, c: Any) -> Tensor:
        return self._round(y * c).div_(c).sub_(y)

    def _round(self, y: Tensor) -> Tensor:
        """Round to the significand of the dtype, its range left alone; `y` is overwritten."""
        if self.precision.u == FORMATS["float64"].u:
            return y  # the arithmetic at hand rounds c y by itself
        wide = WIDE.get(self.precision.u)
        if wide is not None:
            return y.copy_(y.to(wide))  # as Veltkamp's splitting, three times as fast
        t = y * (self.precision.u * 2.0**53 + 1.0)
        return torch.sub(t, torch.sub(t, y, out=y), out=y)


@dataclass
class Bfloat16Rounding(Rounding):
    """float32 inside of an operation, and a number of the dtype after it: `Bfloat16Model`."""

    coarse: frozenset[Sum] = frozenset(("scatter", "affine"))
    kink_width: ClassVar[float] = Bfloat16Model.kink_width

    def enter(self, x: Tensor) -> Tensor:
        """Move what is taken in, exact or not."""
        return self._settle(x)

    def jitter(self, y: Tensor, kappa: float, product: bool = False) -> Tensor:
        """Round to the dtype; what is exact stays, but for products and quotients."""
        if not kappa:
            return y
        rounded = self._settle(y)
        return rounded if product else torch.where(self._round(y.clone()) == y, y, rounded)

    def jitter_sum(self, y: Tensor, squares: Tensor, terms: Any, kind: Sum = "sum") -> Tensor:
        """Add the error of a sum, and round; one in the dtype itself stands still in the end."""
        if self.accumulator(kind) < self.precision.u:
            return super().jitter_sum(y, squares, terms, kind)
        step = (squares / terms).sqrt_().div_(self.precision.u)
        lost = torch.nan_to_num(1 - step / y.abs(), 0.0, 0.0, 0.0).clamp_(min=0.0)
        y = y * (1 - lost * (self._draw(y) - 1))
        return self.jitter(super().jitter_sum(y, squares, terms, kind), 1.0)

    def _settle(self, y: Tensor) -> Tensor:
        c = self._draw(y)
        rounded = self._round(self._round(y * c).div_(c))
        return torch.where(torch.isfinite(rounded), rounded, y)

    def _tie_probability(self) -> float:
        """Return how often a near tie goes up: in half of the comparisons always or never."""
        return float(self.rng.choice((0.0, 0.5, 0.5, 1.0)))


def rounding_of(
    precision: Format, rng: np.random.Generator, operands: Format | None = None
) -> Rounding:
    """Return the errors that a dtype makes."""

    return (Bfloat16Rounding if precision.only_stores else Rounding)(precision, rng, operands)


def _finite(error: Tensor) -> Tensor:
    """Take out what is not finite: there the replica stays as it is."""
    return torch.nan_to_num_(error, 0.0, 0.0, 0.0)
