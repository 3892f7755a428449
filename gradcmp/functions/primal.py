"""Somebody's function, as the arbiter asks for its derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from gradcmp.derivatives import is_derived
from gradcmp.judge.diagnose.derivative import Primal
from gradcmp.judge.diagnose.slopes import EPS, Line, Truth
from gradcmp.judge.elementwise.segments import Float
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.side import Cotangent, Side, attempted

ROUNDINGS = 8.0  # of the size of all terms: what float64 leaves of a sum of them


@dataclass(frozen=True)
class CodePrimal(Primal):
    """What the float64 runs of a side compute; its inputs can be moved, and nothing else.

    Attributes
    ----------
    clean : Outcome
        Its float64 run at the inputs themselves.
    """

    side: Side
    clean: Outcome
    cotangent: Cotangent

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs and parameters."""
        return tuple(self._given)

    @cached_property
    def _given(self) -> dict[str, Array]:
        return {**self.side.parameters, **self.side.inputs}

    @property
    def is_finite_anywhere(self) -> bool:
        """Whether an element of an output is a finite number."""
        return any(np.isfinite(array).any() for array in self._real(self.clean).values())

    @cached_property
    def rounding(self) -> float:
        """What float64 may leave in ``<cotangent, output>``."""
        terms = self._terms(self.clean)
        return ROUNDINGS * EPS * float(np.sum(np.abs(terms[np.isfinite(terms)])))

    def scale(self, name: str) -> float:
        """Return the root mean square of an input."""
        array = np.asarray(self._given[name], np.float64)
        size = float(np.sqrt(np.mean(np.square(array)))) if array.size else 1.0
        return size if 0 < size < np.inf else 1.0

    def unit(self, name: str, index: tuple[int, ...]) -> Float:
        """Return the direction of one element."""
        direction = np.zeros(self._given[name].shape)
        direction[index] = 1.0
        return direction

    def everywhere(
        self,
        name: str,
        index: tuple[int, ...],
        claimed: float | None = None,
        is_strange: bool = False,
    ) -> Truth | None:
        """Differentiate with respect to one element of an input; None of what cannot be moved."""
        if name not in self._given:
            return None
        return super().everywhere(name, index, claimed, is_strange)

    def along_all(
        self, directions: Mapping[str, Float], claimed: float | None = None
    ) -> Truth | None:
        """Differentiate with respect to several inputs; None where one cannot be moved."""
        if not directions.keys() <= self._given.keys():
            return None
        return super().along_all(directions, claimed)

    def line(self, directions: Mapping[str, Float], of_all: bool = True) -> Line:
        """Return ``<cotangent, outputs>`` on a line, from float64 runs."""
        counted = np.isfinite(self._terms(self.clean)) | of_all

        def function(step: float | complex) -> float:
            if isinstance(step, complex):
                raise TypeError("code is not run on complex numbers")
            moved = {name: self._given[name] + step * way for name, way in directions.items()}
            side = self.side.at({**self._given, **moved})
            run = attempted(partial(side.clean, "float32"), None)
            return np.nan if run is None else float(np.sum(self._terms(run)[counted]))

        return function

    def _terms(self, run: Outcome) -> Float:
        held = self.side.held
        found = [
            (self._upstream(name, array.shape) * array).reshape(-1)
            for name, array in self._real(run).items()
            if name not in held.silent
        ]
        return np.concatenate(found) if found else np.zeros(0)

    def _upstream(self, name: str, shape: tuple[int, ...]) -> Array:
        slope = self.side.held.slopes.get(name)
        return self.cotangent(name, shape) if slope is None else slope

    def _real(self, run: Outcome) -> dict[str, Float]:
        """Return where gradients begin: outputs, and taps that hand on something else.

        What a case asks for beside the gradient is no output: it has none of its own.
        """
        taps = {name: tap.value for name, tap in run.taps.items() if name in self.side.held.slopes}
        return {
            name: np.asarray(array, np.float64)
            for name, array in {**taps, **run.outputs}.items()
            if array.dtype.kind in "fV" and not is_derived(name)
        }
