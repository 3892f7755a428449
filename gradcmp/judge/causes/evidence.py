"""What a difference is explained with, and how well an explanation fits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from gradcmp.case import DType
from gradcmp.judge.elementwise.segments import Float
from gradcmp.once import once

# An explanation must be too good to be chance: about a hundred are tried, and one in a thousand
# differences that have no simple cause may be given one.
DECADES = 5.0
ZERO = 1.0  # decades that a predicted zero is worth: zeros come about in many ways
GLIMPSE = 64  # elements that rule out most hypotheses
SAMPLE = 4096  # elements that are asked whether chance could do it: more are never needed


@dataclass(frozen=True)
class Evidence:
    """All that is known of two arrays that disagree.

    Attributes
    ----------
    actual, expected : array of float64
        Their shapes may differ.
    noise : array or float
        What a correct `actual` may be off, in the shape of `expected`: the calibrated noise of
        each element, or what the tolerance allows it.
    limit : float
        How many times the noise is within noise: 1 for the allowance of a tolerance.
    dtype : str
        What `actual` was computed in.
    others, own : mapping of str to array
        The other tensors of the expected and of the actual recording, by their names on screen.
    terms : mapping of str to array
        What each node that uses this tensor adds to its gradient, by the node's name.
    variants : mapping of str to array
        What this tensor would be under another way of computing, by the words for that way.
    formulas : mapping of str to array
        What it would be by another formula, by the words for that.
    output : float, optional
        The value that is differentiated, where it is a single number.
    parts : bool
        Whether the last axis is of the real and the imaginary part of complex numbers.
    """

    actual: Float
    expected: Float
    noise: Float | float
    limit: float = 1.0
    dtype: DType = "float32"
    others: Mapping[str, Float] = field(default_factory=dict)
    own: Mapping[str, Float] = field(default_factory=dict)
    terms: Mapping[str, Float] = field(default_factory=dict)
    variants: Mapping[str, Float] = field(default_factory=dict)
    formulas: Mapping[str, Float] = field(default_factory=dict)
    output: float | None = None
    parts: bool = False

    @property
    def same_shape(self) -> bool:
        """Whether elements stand beside each other."""
        return self.actual.shape == self.expected.shape

    @once
    def spread(self) -> Float:
        """The noise of every element."""
        return np.broadcast_to(np.asarray(self.noise, np.float64), self.expected.shape)

    @once
    def aligned(self) -> Mapping[str, tuple[Float, ...]]:
        """The other tensors of the expected recording as they could stand beside this one."""
        shape = self.expected.shape
        return {name: tuple(aligned(tensor, shape)) for name, tensor in self.others.items()}

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to explain: all is within noise, or there are no elements."""
        if not self.actual.size or not self.expected.size:
            return True
        return self.same_shape and bool(
            np.max(multiples(self.actual, self.expected, self.spread)) <= self.limit
        )


@dataclass(frozen=True)
class Prediction:
    """What the actual array would be if a hypothesis held.

    Attributes
    ----------
    text : str
        The hypothesis in words.
    value, noise : array
        What is predicted, and what rounding may add to it.
    seen : array, optional
        What the prediction is of, when it is not of `Evidence.actual` itself: a sum over it.
    free : int
        How many elements were spent on fitting a parameter: they prove nothing.
    proven : bool
        Whether chance is out of the question for reasons other than the fit.
    of_rounding : bool
        Whether it is a way to lose digits, and no wrong formula.
    """

    text: str
    value: Float
    noise: Float
    seen: Float | None = None
    free: int = 0
    proven: bool = False
    of_rounding: bool = False

    def residual(self, evidence: Evidence) -> float:
        """Return what is left unexplained at the worst element, as a multiple of the noise.

        Infinity where a few elements show already that it is beyond the limit.
        """
        seen = evidence.actual if self.seen is None else self.seen
        if seen.shape != self.value.shape:
            return math.inf
        if seen.size > GLIMPSE:
            few = np.unravel_index(np.linspace(0, seen.size - 1, GLIMPSE, dtype=int), seen.shape)
            if np.max(multiples(seen[few], self.value[few], self.noise[few])) > evidence.limit:
                return math.inf
        return float(np.max(multiples(seen, self.value, self.noise)))

    def is_chance(self, evidence: Evidence) -> bool:
        """Whether a difference without a cause could fit as well.

        An element whose difference is D times what noise may do falls that near to a prediction
        with chance 1 / D. Elements that the prediction and the truth both see as equal count
        once: a constant array is one observation.
        """
        if self.proven:
            return False
        expected = evidence.expected if evidence.same_shape else self.value
        with np.errstate(all="ignore"):
            reach = np.abs((evidence.actual if evidence.same_shape else 0.0) - expected)
            gains = np.log10(np.clip(reach / (evidence.limit * self.noise), 1.0, 1e16)).reshape(-1)
        gains = np.where(self.value.reshape(-1) == 0, np.minimum(gains, ZERO), gains)
        telling = np.flatnonzero(gains > 0)[:SAMPLE]  # NaN is not telling
        if not telling.size:
            return True
        seen_as = np.stack([x.reshape(-1)[telling] for x in (expected, self.value)])
        distinct = np.unique(seen_as, axis=1, return_index=True)[1]
        strongest = np.sort(gains[telling[distinct]])[::-1]
        return bool(strongest[self.free :].sum() < DECADES)


def multiples(seen: Float, value: Float, noise: Float) -> Float:
    """Return the difference of each element over its noise: 0 where equal, infinity for NaN."""
    with np.errstate(all="ignore"):
        ratio = np.abs(seen - value) / noise
    same = (seen == value) | (np.isnan(seen) & np.isnan(value))
    return np.where(same, 0.0, np.where(np.isnan(ratio), np.inf, ratio))


def aligned(tensor: Float, shape: tuple[int, ...]) -> Iterator[Float]:
    """Return a tensor as it could stand beside one of that shape.

    As NumPy broadcasts it; and with its axes for the first ones, as a number for each row.
    """
    if tensor.shape == shape:
        yield tensor
    elif tensor.ndim <= len(shape):
        forms = {(1,) * (len(shape) - tensor.ndim) + tensor.shape}
        forms |= {tensor.shape + (1,) * (len(shape) - tensor.ndim)}
        for form in sorted(forms):
            if all(n in (1, whole) for n, whole in zip(form, shape, strict=True)):
                yield np.broadcast_to(tensor.reshape(form), shape)
