"""Derivatives by methods that know no pullback: what the reference itself answers to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from gradcmp.judge.diagnose.slopes import (
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

CAUTION = 4.0  # times the error of differences, where nothing but them tells what is right
SAME = 0.1  # of what open branches leave: slopes nearer than that are one


class Primal(ABC):
    """The function that everybody differentiates, ``<cotangent, output>``, in float64."""

    @property
    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""

    @property
    @abstractmethod
    def is_finite_anywhere(self) -> bool:
        """Whether an element of the output is a finite number."""

    @property
    @abstractmethod
    def rounding(self) -> float:
        """What float64 may leave in ``<cotangent, output>``."""

    @abstractmethod
    def scale(self, name: str) -> float:
        """Return the length of a tensor that a step is a fraction of."""

    @abstractmethod
    def unit(self, name: str, index: tuple[int, ...]) -> Float:
        """Return the direction of one element."""

    @abstractmethod
    def line(self, directions: Mapping[str, Float], of_all: bool = True) -> Line:
        """Return the function on a line, tensors free whatever they are made from.

        Of all elements of the output, or of those alone that are finite.
        """

    def known(self, name: str) -> tuple[Float, Truth] | None:
        """Return the only direction along which a derivative is known, and that.

        None where it can be found along any.
        """
        return None

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
        line, scale = self.line(directions), max(map(self.scale, directions))
        with np.errstate(all="ignore"):
            if is_kink(line, scale, self.rounding):
                return None
            return self._smooth(line, scale, claimed)

    def at(self, name: str, index: tuple[int, ...], claimed: float | None = None) -> Truth | None:
        """Differentiate with respect to one element."""
        return self.along(name, self.unit(name, index), claimed)

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
        line = self.line({name: self.unit(name, index)}, of_all=is_strange)
        scale = self.scale(name)
        with np.errstate(all="ignore"):
            if not (is_strange or self.is_finite_anywhere):
                return None
            if is_kink(line, scale, self.rounding):
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
        line, h = self.line({name: self.unit(name, index)}), step * self.scale(name)
        with np.errstate(all="ignore"):
            here = float(line(0.0))
            slopes = ((float(line(way * h)) - here) / (way * h) for way in (1, -1))
            return all(abs(slope - truth.value) <= SAME * width for slope in slopes)

    def _smooth(self, line: Line, scale: float, claimed: float | None) -> Truth | None:
        fast = complex_step(line)
        if fast and claimed is not None and abs(fast.value - claimed) <= fast.error:
            return fast
        slow = differences(line, scale, self.rounding)
        if fast and (slow is None or abs(fast.value - slow.value) <= 4 * slow.error + fast.error):
            return fast
        return slow

    def _beside_nan(self, line: Line, scale: float) -> Truth | None:
        slow = settled(differences(line, scale, self.rounding), scale, self.rounding)
        fast = complex_step(line) if slow else None
        if slow and fast and abs(fast.value - slow.value) <= SETTLED * abs(slow.value):
            return fast
        return slow and replace(slow, error=CAUTION * slow.error)

    def _to_both_sides(self, line: Line, scale: float) -> Truth | None:
        ahead, behind = (one_sided(line, scale, self.rounding, way) for way in (1, -1))
        if ahead is None or behind is None:
            return None
        error = max(ahead.error, behind.error)
        return replace(behind, error=error, other=ahead.value)

    def _to_the_one_side(self, line: Line, scale: float) -> Truth | None:
        ahead, behind = (one_sided(line, scale, self.rounding, way) for way in (1, -1))
        if ahead and behind:  # a vertical tangent, or nothing that settles from both sides
            return ahead if ahead.value == behind.value else None
        found = ahead or behind
        return found and replace(found, end=True)
