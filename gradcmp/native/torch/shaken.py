"""Constants held in float32, moved by one unit roundoff: they never shrink in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gradcmp.dtypes import FORMATS
from gradcmp.native.torch.precise import LOW, Precise
from gradcmp.native.torch.rounding import Rounding
from gradcmp.native.torch.subject import Tensor


@dataclass
class _Alike(Rounding):
    """The errors of one c: equal numbers are moved alike, in the whole run."""

    c: float = 1.5

    def _draw(self, y: Tensor) -> float:
        return self.c


class Shaken(Precise):
    """Float64 throughout, but for constants of a lower dtype: each is moved where it is used."""

    def __init__(self, rng: np.random.Generator, draws: Any = torch.float32) -> None:
        super().__init__(draws)
        self._rounding = _Alike(FORMATS["float32"], rng, c=rng.uniform(1.0, 2.0))

    def shake(self, constant: Tensor) -> Tensor:
        """Return a constant in float64, one error off."""
        return self._rounding.enter(constant.to(torch.float64))

    def apply(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one operation on moved constants; a view of one is still one."""
        if func.is_view or func._schema.is_mutable:
            return func(*args, **kwargs)
        moved, named = torch.utils._pytree.tree_map(self._moved, (args, kwargs))
        return func(*moved, **named)

    def _moved(self, value: Any) -> Any:
        low = isinstance(value, torch.Tensor) and value.dtype in LOW and value.is_floating_point()
        return self.shake(value) if low else value
