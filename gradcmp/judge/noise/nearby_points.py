"""The noise of what has no model: how far the same code strays from float64 at nearby points."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gradcmp.case import DType
from gradcmp.derivatives import Asked
from gradcmp.dtypes import FORMATS, Format
from gradcmp.graph import Graph, backward, forward
from gradcmp.graph.stepped import derived
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import Scale, pool
from gradcmp.once import once
from gradcmp.ops import Array
from gradcmp.recording import numpy_dtype

POINTS = 8  # K
NEARBY = 8.0  # units roundoff: near enough for the same function, far enough for other roundings
# A complex step through the reference in complex64 makes the roundings that forward mode makes in
# float32: each part of a product is rounded by itself. There are no complex numbers of other
# precisions: their noise is that of float32, in proportion to the unit roundoff.
STEPPED: DType = "float32"
# Noise at nearby points is rougher than that of a model: its limit is 10 where theirs is 8, and of
# a common factor it says nothing.
ROUGHER = 10 / 8
ROWS = 32  # ways to leave a tie
MOST_ROWS = 128
STEP = 4.0  # units roundoff of a number: what is closer to it may be taken otherwise
CLEAR = 1e-3  # of a tensor's largest element: less is the slope of the derivative, and no jump
RULE = (
    f"auto: |a − e| <= 10 × noise, from complex steps of the reference in {STEPPED} at {POINTS} "
    "nearby points"
)


def self_noise(
    graph: Graph,
    inputs: Mapping[str, Array],
    cotangent: Array,
    dtype: DType,
    names: Collection[str],
    seed: int = 0,
) -> dict[str, Scale]:
    """Run the reference in `dtype` and in float64 at nearby points; give the scale of each tensor.

    ``d_k = b(x_k) - b64(x_k)`` at ``x_k = x (1 + 8 u xi)``, rounded to the dtype, pooled as the
    deviations of randomly rounded runs are.

    Parameters
    ----------
    names : collection of str
        As on screen: ``node1``, ``d X``.
    """
    u, rng = FORMATS[dtype].u, np.random.default_rng([seed, POINTS])
    base = run_in("float64", graph, inputs, cotangent)
    stacks = {name: [base[name]] for name in names}
    for _ in range(POINTS):
        near = {
            name: (x * (1 + NEARBY * u * rng.standard_normal(x.shape))).astype(numpy_dtype(dtype))
            if spec_of(x).kind == "float"
            else x
            for name, x in inputs.items()
        }
        coarse, fine = (run_in(one, graph, near, cotangent) for one in (dtype, "float64"))
        for name in names:
            stacks[name].append(base[name] + (np.asarray(coarse[name], np.float64) - fine[name]))
    return {
        name: replace(pool(np.stack(stack), FORMATS[dtype]), own=True)
        for name, stack in stacks.items()
    }


def run_in(
    dtype: DType, graph: Graph, inputs: Mapping[str, Array], cotangent: Array
) -> dict[str, Array]:
    """Return every value and gradient, computed in `dtype`."""
    kind = numpy_dtype(dtype)
    held = {name: x.astype(kind) if spec_of(x).kind == "float" else x for name, x in inputs.items()}
    with np.errstate(all="ignore"):
        tape = forward(graph, held, constants_of(kind))
        gradients = backward(graph, tape, np.asarray(cotangent).astype(kind))
    return {**tape.values, **{f"d {name}": dx for name, dx in gradients.items()}}


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

    @once
    def jumps(self) -> Mapping[str, Float]:
        """By tensor, what each of `ROWS` steps adds to it beyond the slope."""
        return self._jumps(ROWS)

    @once
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
        """Return a step that is small beside each number; a 0 has only the others to go by."""
        sizes = np.abs(x)
        largest = float(sizes.max(initial=0.0, where=np.isfinite(x))) or 1.0
        sizes = np.where((sizes > 0) & np.isfinite(x), sizes, largest)
        signs = rng.choice([-1.0, 1.0], x.shape) * rng.uniform(0.5, 1.0, x.shape)
        way = signs if row > 1 else np.full(x.shape, 1.0 - 2.0 * row)
        step: Array = STEP * self.precision.u * sizes * way
        return step


def _clear(jumps: Float, base: Float, least: float) -> Float:
    """Return the jumps that are more than what a smooth derivative changes by."""
    with np.errstate(all="ignore"):
        sizes = np.abs(base), np.abs(base + jumps)
    size = max(float(np.max(one, initial=0.0, where=np.isfinite(one))) for one in sizes)
    return np.where(np.isfinite(jumps) & (np.abs(jumps) > least * size), jumps, 0.0)
