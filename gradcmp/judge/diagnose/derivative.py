"""Derivatives by methods that know no pullback: what the reference itself answers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcmp.graph import Graph, forward
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.judge.diagnose.slopes import (
    EPS,
    SETTLED,
    Line,
    Truth,
    complex_step,
    differences,
    is_kink,
    one_sided,
    settled,
)
from gradcmp.judge.elementwise.segments import Float
from gradcmp.ops import Array

CONSTANT = constants_of(np.dtype(np.float64))
CAUTION = 4.0  # times the error of differences, where nothing but them tells what is right
SAME = 0.1  # of what open branches leave: slopes nearer than that are one


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
        return self.along_all({name: direction}, claimed)

    def along_all(
        self, directions: Mapping[str, Float], claimed: float | None = None
    ) -> Truth | None:
        """Differentiate with respect to several inputs, or to one tensor, moved at once."""
        line, scale = self._line(directions), max(map(self._scale, directions))
        with np.errstate(all="ignore"):
            if is_kink(line, scale, self._rounding):
                return None
            return self._smooth(line, scale, claimed)

    def at(self, name: str, index: tuple[int, ...], claimed: float | None = None) -> Truth | None:
        """Differentiate with respect to one element."""
        return self.along(name, self._unit(name, index), claimed)

    def everywhere(
        self,
        name: str,
        index: tuple[int, ...],
        claimed: float | None = None,
        is_strange: bool = False,
    ) -> Truth | None:
        """Differentiate with respect to one element, at kinks and ends of domains, too.

        Parameters
        ----------
        is_strange : bool
            Whether somebody has NaN or an infinity there. Then differences must have settled: a
            complex step off a pole finds a finite number.

        Returns
        -------
        Truth or None
            At a kink, the slopes to both sides; at the end of a domain, that to the one side.
            None where the slopes do not settle.
        """
        # Elements that are NaN anyway hide no slope of the rest, where nobody has a NaN.
        line = self._line({name: self._unit(name, index)}, of_all=is_strange)
        scale = self._scale(name)
        with np.errstate(all="ignore"):
            if not (is_strange or self._is_finite.any()):
                return None
            if is_kink(line, scale, self._rounding):
                both = self._to_both_sides(line, scale)
                if both is None or not both.is_single:
                    return both
            smooth = self._beside_nan if is_strange else partial(self._smooth, claimed=claimed)
            found = smooth(line, scale)
            return found or self._to_the_one_side(line, scale)

    def keeps_slope(
        self, name: str, index: tuple[int, ...], truth: Truth, step: float, width: float
    ) -> bool:
        """Whether a derivative is the slope to both sides as far as a step goes.

        Parameters
        ----------
        step : float
            As a fraction of the length of the tensor.
        width : float
            How far apart the choices of open branches are: slopes that differ by much less are
            the same.
        """
        line, h = self._line({name: self._unit(name, index)}), step * self._scale(name)
        with np.errstate(all="ignore"):
            here = float(line(0.0))
            slopes = ((float(line(way * h)) - here) / (way * h) for way in (1, -1))
            return all(abs(slope - truth.value) <= SAME * width for slope in slopes)

    def _smooth(self, line: Line, scale: float, claimed: float | None) -> Truth | None:
        fast = complex_step(line)
        if fast and claimed is not None and abs(fast.value - claimed) <= fast.error:
            return fast
        slow = differences(line, scale, self._rounding)
        if fast and (slow is None or abs(fast.value - slow.value) <= 4 * slow.error + fast.error):
            return fast
        return slow

    def _beside_nan(self, line: Line, scale: float) -> Truth | None:
        slow = settled(differences(line, scale, self._rounding), scale, self._rounding)
        fast = complex_step(line) if slow else None
        if slow and fast and abs(fast.value - slow.value) <= SETTLED * abs(slow.value):
            return fast
        return slow and replace(slow, error=CAUTION * slow.error)

    def _to_both_sides(self, line: Line, scale: float) -> Truth | None:
        ahead, behind = (one_sided(line, scale, self._rounding, way) for way in (1, -1))
        if ahead is None or behind is None:
            return None
        error = max(ahead.error, behind.error)
        return replace(behind, error=error, other=ahead.value)

    def _to_the_one_side(self, line: Line, scale: float) -> Truth | None:
        ahead, behind = (one_sided(line, scale, self._rounding, way) for way in (1, -1))
        if ahead and behind:  # a vertical tangent, or nothing that settles from both sides
            return ahead if ahead.value == behind.value else None
        found = ahead or behind
        return found and replace(found, end=True)

    @cached_property
    def _rounding(self) -> float:
        """What float64 may leave in ``<cotangent, output>``."""
        terms = self.cotangent * self.values[self.graph.output]
        return EPS * float(np.sum(np.abs(terms[self._is_finite])))

    @cached_property
    def _is_finite(self) -> npt.NDArray[np.bool_]:
        """Where the output is a finite number."""
        return np.isfinite(np.asarray(self.values[self.graph.output], np.float64))

    def _scale(self, name: str) -> float:
        """Return the length that a step is a fraction of."""
        if not np.size(self.values[name]):
            return 1.0
        size = float(np.sqrt(np.mean(np.square(np.asarray(self.values[name], np.float64)))))
        return size if 0 < size < np.inf else 1.0

    def _unit(self, name: str, index: tuple[int, ...]) -> Float:
        direction = np.zeros(np.shape(self.values[name]))
        direction[index] = 1.0
        return direction

    def _line(self, directions: Mapping[str, Float], of_all: bool = True) -> Line:
        """Return ``<cotangent, output>`` on a line, tensors free whatever they are made from.

        Of all elements of the output, or of those alone that are finite.
        """
        counted = np.ones_like(self._is_finite) if of_all else self._is_finite
        nodes = tuple(node for node in self.graph if node.name not in directions)
        graph = replace(self.graph, nodes=nodes)
        free = {name: self.values[name] for name in directions}

        def function(step: float | complex) -> Any:
            dtype = np.dtype(type(step))
            held = {
                key: np.asarray(value, dtype if spec_of(value).kind == "float" else None)
                for key, value in {**self.inputs, **free}.items()
            }
            for name, direction in directions.items():
                held[name] = held[name] + step * direction
            output = forward(graph, held, CONSTANT).values[graph.output]
            return np.sum((self.cotangent * output)[counted])

        return function
