"""What numbers in a file can hold: the dtype they are of, and what rounded inputs leave open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradcmp.case import DTYPES, DType
from gradcmp.dtypes import FORMATS
from gradcmp.graph import Graph
from gradcmp.graph.walk import spec_of
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.nearby_points import run_in
from gradcmp.once import once
from gradcmp.recording import Array, Recording, numpy_dtype

RUNS = 16  # as many as of a calibration
NEARER = 16.0  # that rounding is scaled down by, to tell a smooth function from a branch


def held_in(array: Array, among: tuple[str, ...] = ("float32",)) -> str:
    """Return the dtype that the numbers of an array are of, whatever they are stored in.

    A number that needs more than half of the digits of a coarser dtype, and no digit more than it
    has, is in a finer dtype by chance once in 2^29. Zeros, ones and halves prove nothing.

    Parameters
    ----------
    among : tuple of str
        The coarser dtypes that may be meant.
    """
    name = array.dtype.name
    if name not in DTYPES:
        return name
    wide = np.asarray(array, np.float64)
    finite = wide[np.isfinite(wide)]
    for coarse in among:
        if FORMATS[coarse].u <= FORMATS[name].u:
            continue
        with np.errstate(all="ignore"):
            kept = finite.astype(numpy_dtype(coarse)).astype(np.float64)
        half = FORMATS[coarse].significand // 2
        significand = np.ldexp(np.frexp(finite)[0], half)
        if np.array_equal(kept, finite) and np.any(significand != np.rint(significand)):
            return coarse
    return name


@dataclass(frozen=True)
class RoundedInputs:
    """What a graph makes of the digits that its inputs lost when they were rounded.

    Attributes
    ----------
    base : Recording
        The float64 reference, computed from the rounded inputs.
    """

    graph: Graph
    base: Recording

    @once
    def units(self) -> Mapping[str, float]:
        """The unit roundoff of each input that looks rounded, by its numbers."""
        found = {}
        for name in self.graph.inputs:
            array = self.base.values[name]
            if spec_of(array).kind == "float" and (held := held_in(array, _COARSE)) != "float64":
                found[name] = FORMATS[held].u
        return found

    @once
    def noise(self) -> Mapping[str, Float]:
        """How far each tensor moves when the inputs move by their rounding; empty if none did.

        A smooth function moves in proportion. What a branch adds, whose operands are tied or
        nearly so, does not: there only what is proportional is allowed, and at a tie nothing.
        """
        if not self.units:
            return {}
        far, near = self._moved(1.0), self._moved(1 / NEARER)
        return {name: _proportional(far[name], NEARER * near[name]) for name in far}

    def _moved(self, share: float) -> dict[str, Float]:
        """Return the root mean square of moves by a share of the rounding."""
        rng = np.random.default_rng(RUNS)
        inputs = {name: self.base.values[name] for name in self.graph.inputs}
        cotangent = self.base.gradients[self.graph.output]
        here = run_in(_FINE, self.graph, inputs, cotangent)
        squares = {name: np.zeros(np.shape(x)) for name, x in here.items() if name not in inputs}
        for _ in range(RUNS):
            moved = {
                name: x * (1 + share * self.units[name] * rng.uniform(-1, 1, x.shape))
                if name in self.units
                else x
                for name, x in inputs.items()
            }
            there = run_in(_FINE, self.graph, moved, cotangent)
            for name in squares:
                squares[name] += np.square(np.asarray(there[name], np.float64) - here[name])
        return {name: np.sqrt(square / RUNS) for name, square in squares.items()}

    def explains(self, name: str, array: Array, limit: float) -> bool:
        """Whether an array is as near to the reference as unrounded inputs may be."""
        expected = self.base.tensors[name]
        if name not in self.noise or array.shape != expected.shape:
            return False
        with np.errstate(all="ignore"):
            allowed = limit * (self.noise[name] + FORMATS[_FINE].u * np.abs(expected))
            return bool(np.all(np.abs(np.asarray(array, np.float64) - expected) <= allowed))


def _proportional(far: Float, near: Float) -> Float:
    """Return how far something moves, if by the same in proportion where it moves less."""
    smooth = near <= far * NEARER**0.5
    return np.where(smooth, np.fmin(far, near), 0.0)


_FINE: DType = "float64"
_COARSE = DTYPES[:0:-1]  # all but float64, the coarsest first
