"""The noise of what has no model: how far the same code strays from float64 at nearby points."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.graph import Graph, backward, forward
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.judge.noise.calibration import Scale, pool
from gradcmp.ops import Array
from gradcmp.recording import numpy_dtype

POINTS = 8  # K
NEARBY = 8.0  # units roundoff: near enough for the same function, far enough for other roundings


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
