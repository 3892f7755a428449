"""The reference beyond the gradient: its own value and pullback, run on complex numbers.

With ``x + i h v`` for x and h so small that its square vanishes, the imaginary part of whatever is
computed is h times its derivative along v. Nothing is subtracted, so that nothing cancels, and no
second set of rules is needed: ``J v`` comes from the value, ``H v`` from the pullback.
Ref: Squire and Trapp (1998), Using complex variables to estimate derivatives of real functions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcmp.derivatives import Asked, names
from gradcmp.graph.records import Graph
from gradcmp.graph.walk import KINDS, Tape, backward, constants_of, forward
from gradcmp.ops import Array

# By real dtype: the complex one, and h: its square is far below rounding, and h times any number
# is exact and far from underflow.
COMPLEX: Mapping[str, tuple[type[np.complexfloating], float]] = {
    "float64": (np.complex128, 2.0**-100),
    "float32": (np.complex64, 2.0**-40),
}


def derived(
    graph: Graph, inputs: Mapping[str, Array], cotangent: Array, asked: Asked, dtype: str
) -> dict[str, Array]:
    """Return the tensors of a derivative by name, computed in a dtype of `COMPLEX`.

    A Jacobian takes one pullback for each element of the output, in any dtype, and a Hessian one
    complex step for each element of the inputs.

    Parameters
    ----------
    inputs, cotangent : arrays
        Real numbers of any precision.
    """
    with np.errstate(all="ignore"):  # infinities are findings for the judge
        if asked.derivative == "jacobian":
            return _jacobian(graph, inputs, asked, dtype)
        called = names(asked.derivative, (graph.output,), asked.wrt)
        if asked.derivative == "jvp":
            tape, h = _stepped(graph, inputs, asked.tangents, dtype)
            return {called[0]: _imaginary(tape.values[graph.output], h, dtype)}
        if asked.derivative == "hvp":
            slopes = _products(graph, inputs, cotangent, asked.tangents, dtype)
            return {name: slopes[x] for name, x in zip(called, asked.wrt, strict=True)}
        return _hessian(graph, inputs, cotangent, asked, dtype)


def _stepped(
    graph: Graph, inputs: Mapping[str, Array], tangents: Mapping[str, Array], dtype: str
) -> tuple[Tape, float]:
    """Run forward at ``x + i h v``."""
    kind, h = COMPLEX[dtype]
    held = {
        name: x.astype(dtype).astype(kind) if KINDS[x.dtype.kind] == "float" else x
        for name, x in inputs.items()
    }
    step = {name: (1j * h * v.astype(dtype)).astype(kind) for name, v in tangents.items()}
    moved = {name: x + step[name] if name in step else x for name, x in held.items()}
    return forward(graph, moved, constants_of(np.dtype(kind))), h


def _products(
    graph: Graph,
    inputs: Mapping[str, Array],
    cotangent: Array,
    tangents: Mapping[str, Array],
    dtype: str,
) -> dict[str, Array]:
    """Return ``H v`` by input and node."""
    tape, h = _stepped(graph, inputs, tangents, dtype)
    upstream = np.asarray(cotangent).astype(dtype).astype(COMPLEX[dtype][0])
    slopes = backward(graph, tape, upstream)
    return {name: _imaginary(dx, h, dtype) for name, dx in slopes.items()}


def _imaginary(array: Array, h: float, dtype: str) -> Array:
    """Return the imaginary part over h; what became real on the way does not depend on v."""
    return np.asarray(np.imag(array) / h).astype(dtype)


def _jacobian(
    graph: Graph, inputs: Mapping[str, Array], asked: Asked, dtype: str
) -> dict[str, Array]:
    """Return the rows of every Jacobian: pullbacks of unit cotangents."""
    kind = np.dtype(dtype)
    held = {n: x.astype(kind) if KINDS[x.dtype.kind] == "float" else x for n, x in inputs.items()}
    tape = forward(graph, held, constants_of(kind))
    shape = tape.values[graph.output].shape
    called = names("jacobian", (graph.output,), asked.wrt)
    found = {
        name: np.zeros((*shape, *held[x].shape), kind)
        for name, x in zip(called, asked.wrt, strict=True)
    }
    for index in np.ndindex(shape):
        unit = np.zeros(shape, kind)
        unit[index] = 1
        slopes = backward(graph, tape, unit)
        for name, x in zip(called, asked.wrt, strict=True):
            found[name][index] = slopes[x]
    return found


def _hessian(
    graph: Graph, inputs: Mapping[str, Array], cotangent: Array, asked: Asked, dtype: str
) -> dict[str, Array]:
    """Return the columns of every block of the Hessian: products with unit directions."""
    shapes = {x: v.shape for x, v in asked.tangents.items()}
    found = {
        f"H[{x}, {z}]": np.zeros((*shapes[x], *shapes[z]), dtype) for x in shapes for z in shapes
    }
    for z, shape in shapes.items():
        for index in np.ndindex(shape):
            unit = np.zeros(shape)
            unit[index] = 1
            column = _products(graph, inputs, cotangent, {z: unit}, dtype)
            for x in shapes:
                found[f"H[{x}, {z}]"][(..., *index)] = column[x]
    return found
