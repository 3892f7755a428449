"""The noise of derivatives beyond the gradient, and what open branches make of them.

A complex step through the reference in complex64 makes the roundings that forward mode makes in
float32: each part of a product is rounded by itself. What such a run strays from the same in
complex128 at nearby points is the noise. There are no numbers of other precisions to step in:
their noise is that of float32, in proportion to the unit roundoff.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gradcmp.case import DType
from gradcmp.derivatives import Asked
from gradcmp.dtypes import FORMATS, Format
from gradcmp.graph import Graph
from gradcmp.graph.stepped import derived
from gradcmp.graph.walk import spec_of
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import Scale, pool
from gradcmp.judge.noise.nearby_points import NEARBY, POINTS
from gradcmp.ops import Array

STEPPED: DType = "float32"
# Noise at nearby points is rougher than that of a model: its limit is 10 where theirs is 8, and of
# a common factor it says nothing.
ROUGHER = 10 / 8
ROWS = 32  # ways to leave a tie
MOST_ROWS = 128
STEP = 4.0  # units roundoff of an input's largest element: what is closer may be taken otherwise
CLEAR = 1e-3  # of a tensor's largest element: less is the slope of the derivative, and no jump
RULE = (
    f"auto: |a − e| <= 10 × noise, from complex steps of the reference in {STEPPED} at {POINTS} "
    "nearby points"
)


def derived_noise(
    graph: Graph,
    inputs: Mapping[str, Array],
    cotangent: Array,
    asked: Asked,
    dtype: DType,
    seed: int = 0,
) -> dict[str, Scale]:
    """Return the scale of each tensor of a derivative, in a dtype.

    ``d_k = b32(x_k) - b64(x_k)`` at ``x_k = x (1 + 8 u xi)``, pooled as randomly rounded runs are.
    """
    coarse = FORMATS[STEPPED]
    rng = np.random.default_rng([seed, POINTS])
    base = derived(graph, inputs, cotangent, asked, "float64")
    stacks = {name: [array] for name, array in base.items()}
    times = FORMATS[dtype].u / coarse.u
    for _ in range(POINTS):
        near = _moved(
            inputs,
            lambda x: (x * (1 + NEARBY * coarse.u * rng.standard_normal(x.shape))).astype(STEPPED),
        )
        low = derived(graph, near, cotangent, asked, STEPPED)
        high = derived(graph, near, cotangent, asked, "float64")
        for name, array in base.items():
            strayed = np.asarray(low[name], np.float64) - high[name]
            stacks[name].append(array + times * strayed)
    kinks: tuple[NudgedBranches, ...] = ()
    if any(node.spec.compares for node in graph):
        kinks = (NudgedBranches(graph, inputs, cotangent, asked, FORMATS[dtype]),)
    with np.errstate(all="ignore"):
        scales = {name: pool(np.stack(stack), FORMATS[dtype]) for name, stack in stacks.items()}
    return {
        name: replace(
            one, s=ROUGHER * one.s, coherent=float("inf"), own=True, kinks=kinks, rule=RULE
        )
        for name, one in scales.items()
    }


def _moved(inputs: Mapping[str, Array], move: Callable[[Array], Array]) -> dict[str, Array]:
    """Return the inputs with the real ones moved."""
    return {name: move(x) if spec_of(x).kind == "float" else x for name, x in inputs.items()}


@dataclass(eq=False)
class NudgedBranches:
    """What a derivative jumps by where a branch is open: at inputs beside the given ones.

    All are moved up, then all down, then each by itself.
    """

    graph: Graph
    inputs: Mapping[str, Array]
    cotangent: Array = field(repr=False)
    asked: Asked
    precision: Format
    seed: int = 0

    @cached_property
    def jumps(self) -> Mapping[str, Float]:
        """By tensor, what each of `ROWS` steps adds to it beyond the slope."""
        return self._jumps(ROWS)

    @cached_property
    def many_jumps(self) -> Mapping[str, Float]:
        """The same for `MOST_ROWS` steps, those among them."""
        more = self._jumps(MOST_ROWS - ROWS)
        return {name: np.concatenate([some, more[name]]) for name, some in self.jumps.items()}

    def _jumps(self, rows: int) -> dict[str, Float]:
        rng = np.random.default_rng([self.seed, rows])
        base = self._at(self.inputs)
        found: dict[str, list[Float]] = {name: [] for name in base}
        for row in range(rows):
            near = _moved(self.inputs, lambda x, row=row: x + self._step(x, row, rng))  # type: ignore[misc]
            for name, array in self._at(near).items():
                found[name].append(array - base[name])
        least = max(CLEAR, 64 * self.precision.u)
        return {name: _clear(np.stack(one), base[name], least) for name, one in found.items()}

    def _at(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return derived(self.graph, inputs, self.cotangent, self.asked, "float64")

    def _step(self, x: Array, row: int, rng: np.random.Generator) -> Array:
        largest = float(np.abs(x).max(initial=0.0, where=np.isfinite(x))) or 1.0
        signs = rng.choice([-1.0, 1.0], x.shape) * rng.uniform(0.5, 1.0, x.shape)
        way = signs if row > 1 else np.full(x.shape, 1.0 - 2.0 * row)
        step: Array = STEP * self.precision.u * largest * way
        return step


def _clear(jumps: Float, base: Float, least: float) -> Float:
    """Return the jumps that are more than what a smooth derivative changes by."""
    with np.errstate(all="ignore"):
        sizes = np.abs(base), np.abs(base + jumps)
    size = max(float(np.max(one, initial=0.0, where=np.isfinite(one))) for one in sizes)
    return np.where(np.isfinite(jumps) & (np.abs(jumps) > least * size), jumps, 0.0)
