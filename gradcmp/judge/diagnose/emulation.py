"""What the graph knows that a cause may be read from: partial sums, other ways of computing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcmp.graph import Graph, Tape, backward, forward
from gradcmp.graph.walk import constants_of
from gradcmp.ops import Array

FLOAT64 = constants_of(np.dtype(np.float64))

# By the words for them: bits of the significand that a unit for matrix products reads. Which
# way TF32 units drop the rest depends on who converts: a library rounds, the hardware cuts.
MATMULS: Mapping[str, tuple[int, Any]] = {
    "TF32 matmuls": (11, np.rint),
    "TF32 matmuls that cut off digits": (11, np.trunc),
    "bfloat16 matmuls": (8, np.rint),
}


def terms(graph: Graph, tape: Tape, gradients: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Take each gradient apart into what the nodes that use the tensor add to it.

    Parameters
    ----------
    tape, gradients
        The float64 reference's forward pass and what `backward` made of it.

    Returns
    -------
    dict of str to dict of str to array
        By the name of an input or node that is used more than once, by the name of the node
        that uses it. What a node uses twice adds twice, under ``name`` and ``name (2)``.
    """
    parts: dict[str, dict[str, Array]] = {}
    for node in graph:
        if node.name not in gradients:
            continue
        cotangents = tape.pullbacks[node.name](gradients[node.name])
        for operand, dx in zip(node.operands, cotangents, strict=True):
            if isinstance(operand, str) and dx is not None:
                found = parts.setdefault(operand, {})
                again = sum(name.partition(" (")[0] == node.name for name in found)
                found[f"{node.name} ({again + 1})" if again else node.name] = np.asarray(dx)
    return {name: found for name, found in parts.items() if len(found) > 1}


def lowered(
    graph: Graph, inputs: Mapping[str, Array], cotangent: Array
) -> dict[str, dict[str, Array]]:
    """Run the float64 reference with matrix products as lower precisions would give them.

    Returns
    -------
    dict of str to dict of str to array
        By the words for the way of computing, by the tensor's name on screen; empty when the
        graph has no matrix product.
    """
    plain = forward(graph, inputs, FLOAT64)
    found = {}
    for words, (digits, rule) in MATMULS.items():
        unit = _Unit(digits, rule)
        held = {name: _fed(array, unit) for name, array in inputs.items()}
        tape = forward(graph, held, FLOAT64)
        gradients = backward(graph, tape, _fed(cotangent, unit))
        if not unit.used:
            return {}
        found[words] = {name: np.asarray(tape.values[name]) for name in plain.values} | {
            f"d {name}": np.asarray(dx) for name, dx in gradients.items()
        }
    return found


class _Unit:
    """Multiplies matrices of numbers of so many bits, and adds in float64."""

    def __init__(self, digits: int, rule: Any) -> None:
        self.digits = digits
        self.rule = rule
        self.used = False

    def read(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        self.used = True
        significand, exponent = np.frexp(x)
        kept = self.rule(np.ldexp(significand, self.digits))
        return np.asarray(np.ldexp(kept, exponent - self.digits))


class _Fed(np.ndarray[Any, Any]):
    """An array that hands its numbers to matrix products through a `_Unit`."""

    unit: _Unit

    def __array_finalize__(self, parent: object) -> None:
        if isinstance(parent, _Fed):
            self.unit = parent.unit

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [x.view(np.ndarray) if isinstance(x, _Fed) else x for x in inputs]
        if ufunc is np.matmul:
            plain = [self.unit.read(np.asarray(x)) for x in plain]
        return _fed(getattr(ufunc, method)(*plain, **kwargs), self.unit)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Keep the class where NumPy would drop it: in `where`, `concatenate`, `take`."""
        result = super().__array_function__(function, types, args, kwargs)
        return _fed(result, self.unit) if isinstance(result, np.ndarray) else result


def _fed(array: Any, unit: _Unit) -> Any:
    held = np.asarray(array)
    if held.dtype.kind != "f":
        return array
    fed = held.view(_Fed)
    fed.unit = unit
    return fed
