"""No rounding errors at all, and errors that are there to take every open branch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from gradcmp.judge.noise.kinks import EPS, TINY
from gradcmp.native.torch.rounding import Rounding
from gradcmp.native.torch.subject import Tensor
from gradcmp.ops.primitives import Sum


@dataclass
class Exact(Rounding):
    """No errors at all."""

    def enter(self, x: Tensor) -> Tensor:
        """Return it as it is."""
        return x

    def jitter(self, y: Tensor, kappa: float, product: bool = False) -> Tensor:
        """Return it as it is."""
        return y

    def jitter_sum(self, y: Tensor, squares: Tensor, terms: Any, kind: Sum = "sum") -> Tensor:
        """Return it as it is."""
        return y

    def stray(self, y: Tensor, squares: Tensor, deviation: Tensor) -> Tensor:
        """Return it as it is."""
        return y

    def round_operand(self, x: Tensor) -> Tensor:
        """Return it as it is."""
        return x


@dataclass
class Jostled(Rounding):
    """Errors several times too large, of each element its own: every open branch is taken."""

    def jitter(self, y: Tensor, kappa: float, product: bool = False) -> Tensor:
        """Return it with its error, and off every tie."""
        return self._off_ties(super().jitter(y, kappa, product))

    def stray(self, y: Tensor, squares: Tensor, deviation: Tensor) -> Tensor:
        """Return it with its error, and off every tie."""
        return self._off_ties(super().stray(y, squares, deviation))

    def _off_ties(self, y: Tensor) -> Tensor:
        room = 8 * max(y.numel(), 1)
        step = (y.abs() * (room * EPS)).clamp_(min=room * TINY)
        return step.mul_(self._steps(y)).add_(y)

    def _steps(self, y: Tensor) -> Tensor:
        return self.scatter(y)

    def _draw(self, y: Tensor) -> Any:
        drawn = self.rng.uniform(1.0, 2.0, tuple(y.shape))
        return torch.as_tensor(drawn, dtype=torch.float64, device=y.device)

    def _error(self, y: Tensor, c: Any) -> Tensor:
        return super()._error(y, c).mul_(self.kink_width)


@dataclass
class Tilted(Jostled):
    """No errors, but all ties broken alike: upwards or downwards, for the first or the last.

    Attributes
    ----------
    first, last : float
        How many steps the first and the last element of an array are moved.
    """

    first: float = 1.0
    last: float = 2.0

    def jitter(self, y: Tensor, kappa: float, product: bool = False) -> Tensor:
        """Return it off every tie."""
        return self._off_ties(y)

    def stray(self, y: Tensor, squares: Tensor, deviation: Tensor) -> Tensor:
        """Return it off every tie."""
        return self._off_ties(y)

    def _steps(self, y: Tensor) -> Tensor:
        count = max(y.numel(), 1)
        steps = torch.linspace(self.first, self.last, count, dtype=torch.float64, device=y.device)
        return steps.reshape(y.shape)
