"""The rounding error of one operation, in one replica: `NoiseModel` on a stack of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcmp.backends.tensorflow import TensorflowBackend
from gradcmp.dtypes import FORMATS, DType
from gradcmp.dtypes.arrays import numpy_dtype
from gradcmp.judge.noise.bfloat16 import Bfloat16Model
from gradcmp.judge.noise.kinks import EPS, TINY, ExactModel
from gradcmp.judge.noise.model import NoiseModel, NoisyArray, Stack
from gradcmp.native.outcome import Array
from gradcmp.ops.primitives import Sum


@dataclass(frozen=True)
class Rounding:
    """The errors of one replica.

    The formulas and their constants are those of graphs: a model sees each array as the noise-free
    one and a single replica of it, both the same.
    """

    model: NoiseModel
    dtype: DType

    @property
    def is_exact(self) -> bool:
        """Whether there are no errors at all."""
        return isinstance(self.model, ExactModel)

    @property
    def u(self) -> float:
        """The unit roundoff."""
        return self.model.precision.u

    @property
    def kink_width(self) -> float:
        """How many times its noise the operands of a comparison may be apart to be near."""
        return self.model.kink_width

    def enter(self, x: Array) -> Array:
        """Return an input or parameter with one error: it absorbs equally good algorithms."""
        return _replica(self.model.wrap_with_error(_stack(x)))

    def jitter(self, y: Array, kappa: float, product: bool = False) -> Array:
        """Return the result of an operation with its error, `kappa` units roundoff large."""
        return _replica(self.model.approximate(_stack(y), kappa, product))

    def jitter_sum(self, y: Array, squares: Array, terms: Any, kind: Sum) -> Array:
        """Return a sum of so many terms with its error; their squares add up to `squares`."""
        return _replica(self.model.jitter_sum(_stack(y), squares, terms, kind))

    def holds(self, y: Array) -> bool:
        """Whether the dtype holds an array as it is."""
        return bool(np.all(self.representable(y)))

    def representable(self, x: Array | float) -> Array:
        """Return which numbers the dtype has."""
        held = np.asarray(x, np.float64)
        same: Array = held.astype(numpy_dtype(self.dtype)).astype(np.float64) == held
        return same

    def scatter(self, shape: tuple[int, ...]) -> Array:
        """Return standard normal numbers."""
        return self.model.rng.standard_normal(shape)

    def toss(self, like: Array) -> Array:
        """Return whether each near tie of a comparison goes up."""
        up: Array = self.model.rng.random(like.shape) < np.ravel(self.model.tie_probability(1))[0]
        return up


def rounding_of(dtype: DType, rng: np.random.Generator) -> Rounding:
    """Return the errors that a dtype makes in TensorFlow's eager kernels."""
    precision = FORMATS[dtype]
    if not precision.only_stores:
        return Rounding(NoiseModel(precision, 1, rng), dtype)
    coarse = TensorflowBackend.coarse_sums["eager"]
    return Rounding(Bfloat16Model(precision, 1, rng, coarse=frozenset(coarse)), dtype)


def exact(dtype: DType) -> Rounding:
    """Return no errors at all."""
    return Rounding(ExactModel(FORMATS[dtype], 1, np.random.default_rng(0)), dtype)


@dataclass
class Jostled(NoiseModel):
    """Errors several times too large, of each element its own: every open branch is taken."""

    def jitter(
        self, stack: Stack, kappa: float | Stack, common: bool = False, product: bool = False
    ) -> NoisyArray:
        """Return it with its error, and off every tie."""
        return self._off_ties(super().jitter(stack, kappa, common, product))

    def jitter_sum(self, stack: Stack, squares: Stack, terms: Any, kind: Sum) -> NoisyArray:
        """Return it with its error, and off every tie."""
        return self._off_ties(super().jitter_sum(stack, squares, terms, kind))

    def _off_ties(self, noisy: NoisyArray) -> NoisyArray:
        y = noisy.stack[1:]
        room = 8 * max(y.size, 1)
        y += np.maximum(np.abs(y) * (room * EPS), room * TINY) * self._steps(y)
        return noisy

    def _steps(self, y: Stack) -> Stack:
        return self.rng.standard_normal(y.shape)

    def _rounding(self, y: Stack, c: Stack) -> Stack:
        error = super()._rounding(y, self.rng.uniform(1.0, 2.0, y.shape))
        error *= self.kink_width
        return error


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

    def _steps(self, y: Stack) -> Stack:
        return np.linspace(self.first, self.last, max(y.size, 1))[: y.size].reshape(y.shape)

    def _rounding(self, y: Stack, c: Stack) -> Stack:
        return np.zeros_like(y)


def _stack(y: Array) -> Stack:
    return np.repeat(np.asarray(y)[None], 2, axis=0)


def _replica(noisy: NoisyArray) -> Array:
    array: Array = noisy.stack[1]
    return np.asarray(array)
