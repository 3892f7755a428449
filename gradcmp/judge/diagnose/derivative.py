"""Derivatives by methods that know no pullback: what the reference itself answers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from gradcmp.graph import Graph, forward
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.judge.elementwise.segments import Float
from gradcmp.ops import Array

Method: TypeAlias = Literal["complex step", "differences"]
Slope: TypeAlias = Callable[[float | complex], Any]  # the function on a line through the point

CONSTANT = constants_of(np.dtype(np.float64))
EPS = 2.0**-52
COMPLEX_STEP = 1e-30  # nothing is subtracted, so nothing cancels however small it is
ROUNDING = 1e-10  # what float64 leaves of a forward pass through a deep or cancelling graph
FIRST_STEP, SHRINK, STEPS = 1e-2, 2.0, 10  # of the tableau of differences: down to 2e-5
KINK_STEP = 1e-6  # so short that a smooth function is a line to a millionth


@dataclass(frozen=True)
class Truth:
    """A derivative of ``<cotangent, output>`` along a direction.

    Attributes
    ----------
    value : float
    error : float
        What it may be off itself.
    method : {"complex step", "differences"}
    """

    value: float
    error: float
    method: Method


@dataclass(frozen=True)
class Primal:
    """The function that everybody differentiates, in float64.

    Attributes
    ----------
    inputs : mapping of str to array
        Real ones in float64.
    cotangent : array
        The upstream gradient of the output.
    """

    graph: Graph
    inputs: Mapping[str, Array]
    cotangent: Array = field(repr=False)

    @cached_property
    def values(self) -> Mapping[str, Array]:
        """The value of every input and node."""
        with np.errstate(all="ignore"):
            return forward(self.graph, self.inputs, CONSTANT).values

    def along(self, name: str, direction: Float, claimed: float | None = None) -> Truth | None:
        """Differentiate with respect to an input or node, by complex step or by differences.

        The complex step is exact to rounding where every op on the way is analytic. Where the
        two disagree some op is not, and the differences count.

        Parameters
        ----------
        claimed : float, optional
            What the reference says. Where the complex step confirms it, the differences, which
            take twenty times as long, are left out.

        Returns
        -------
        Truth or None
            None where there is no derivative to tell: at a kink, where the one to the left is
            not the one to the right, or where float64 loses the digits.
        """
        line = self._line(name, direction)
        with np.errstate(all="ignore"):
            if _is_kink(line, self._scale(name), self._rounding):
                return None
            fast = _complex_step(line)
            if fast and claimed is not None and abs(fast.value - claimed) <= fast.error:
                return fast
            slow = _differences(line, self._scale(name), self._rounding)
        if fast and (slow is None or abs(fast.value - slow.value) <= 4 * slow.error + fast.error):
            return fast
        return slow

    def at(self, name: str, index: tuple[int, ...], claimed: float | None = None) -> Truth | None:
        """Differentiate with respect to one element."""
        direction = np.zeros(np.shape(self.values[name]))
        direction[index] = 1.0
        return self.along(name, direction, claimed)

    def beside(self, name: str, index: tuple[int, ...], claimed: float) -> float | None:
        """Return the derivative where somebody has NaN or an infinity, or what stands for it.

        By differences alone: a complex step off a pole finds a finite number. Where they do not
        settle, as at the end of a domain, the reference's own number stands for the derivative,
        and it does at a kink if it is finite: then it is one of those that are right there.

        Parameters
        ----------
        claimed : float
            What the reference says.
        """
        direction = np.zeros(np.shape(self.values[name]))
        direction[index] = 1.0
        line = self._line(name, direction)
        with np.errstate(all="ignore"):
            if _is_kink(line, self._scale(name), self._rounding):
                return claimed if np.isfinite(claimed) else None
            found = _differences(line, self._scale(name), self._rounding)
        return claimed if found is None else found.value

    @cached_property
    def _rounding(self) -> float:
        """What float64 may leave in ``<cotangent, output>``."""
        return EPS * float(np.sum(np.abs(self.cotangent * self.values[self.graph.output])))

    def _scale(self, name: str) -> float:
        """Return the length that a step is a fraction of."""
        if not np.size(self.values[name]):
            return 1.0
        size = float(np.sqrt(np.mean(np.square(np.asarray(self.values[name], np.float64)))))
        return size if 0 < size < np.inf else 1.0

    def _line(self, name: str, direction: Float) -> Slope:
        """Return ``<cotangent, output>`` on a line, one tensor free whatever it is made from."""
        nodes = tuple(node for node in self.graph if node.name != name)
        graph = replace(self.graph, nodes=nodes)

        def function(step: float | complex) -> Any:
            dtype = np.dtype(type(step))
            held = {
                key: np.asarray(value, dtype if spec_of(value).kind == "float" else None)
                for key, value in {**self.inputs, name: self.values[name]}.items()
            }
            held[name] = held[name] + step * direction
            output = forward(graph, held, CONSTANT).values[graph.output]
            return np.sum(self.cotangent * output)

        return function


def _complex_step(line: Slope) -> Truth | None:
    """Im f(i h) / h; None where an op refuses complex numbers.

    Ref: Squire and Trapp (1998), Using complex variables to estimate derivatives of real
    functions.
    """
    try:
        value = float(np.imag(line(1j * COMPLEX_STEP))) / COMPLEX_STEP
    except TypeError:
        return None
    return Truth(value, ROUNDING * abs(value), "complex step") if np.isfinite(value) else None


def _differences(line: Slope, scale: float, rounding: float) -> Truth | None:
    """Central differences, extrapolated to the step 0; None where they do not settle.

    Ref: Ridders (1982), Accurate computation of F'(x) and F'(x) F''(x).
    """
    best, steps = (
        Truth(np.nan, np.inf, "differences"),
        FIRST_STEP * scale / SHRINK ** np.arange(STEPS),
    )
    earlier: list[float] = []
    for h in steps:
        ahead, behind = float(line(float(h))), float(line(float(-h)))
        row = [(ahead - behind) / (2 * h)]
        for order, before in enumerate(earlier, start=1):
            factor = SHRINK ** (2 * order)
            row.append((factor * row[-1] - before) / (factor - 1))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - before))
            error += 4 * rounding / h  # extrapolation adds to it
            if error < best.error:
                best = replace(best, value=float(row[-1]), error=float(error))
        earlier = row
    return best if best.error < np.inf else None


def _is_kink(line: Slope, scale: float, rounding: float) -> bool:
    """Whether the slopes to both sides differ by what does not shrink with the step."""
    here = float(line(0.0))

    def jump(h: float) -> float:
        return (float(line(h)) - 2 * here + float(line(-h))) / h

    h = KINK_STEP * scale
    wide, narrow = jump(h), jump(h / 4)  # h f'' of a smooth function: a quarter of it
    return abs(narrow) > 0.6 * abs(wide) and abs(narrow) > 400 * rounding / h
