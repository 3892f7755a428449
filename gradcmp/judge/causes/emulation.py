"""What the graph knows that a cause may be read from: partial sums, other ways of computing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcmp.dtypes import FORMATS
from gradcmp.graph import Graph, Tape, backward, forward
from gradcmp.graph.records import Node
from gradcmp.graph.walk import constants_of
from gradcmp.ops import OPS, Array, Op

FLOAT64 = constants_of(np.dtype(np.float64))

# By the words for them: bits of the significand that a unit for matrix products reads. Which
# way TF32 units drop the rest depends on who converts: a library rounds, the hardware cuts.
MATMULS: Mapping[str, tuple[int, Any]] = {
    "TF32 matmuls": (FORMATS["float16"].significand, np.rint),  # the same as TF32's
    "TF32 matmuls that cut off digits": (FORMATS["float16"].significand, np.trunc),
    "bfloat16 matmuls": (FORMATS["bfloat16"].significand, np.rint),
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


def rewritten(
    graph: Graph, inputs: Mapping[str, Array], cotangent: Array
) -> dict[str, dict[str, Array]]:
    """Run the float64 reference with variances that divide by another number of elements.

    Returns
    -------
    dict of str to dict of str to array
        By the words for the formula, by the tensor's name on screen; without those that the graph
        has no op for.
    """
    found = {}
    for words, by_op in VARIANCES.items():
        nodes = [_rewritten(node, by_op) for node in graph.nodes]
        if any(isinstance(node, _Rewritten) for node in nodes):
            other = replace(graph, nodes=tuple(nodes))
            tape = forward(other, inputs, FLOAT64)
            found[words] = {name: np.asarray(x) for name, x in tape.values.items()} | {
                f"d {name}": np.asarray(dx) for name, dx in backward(other, tape, cotangent).items()
            }
    return found


@dataclass(frozen=True)
class _Rewritten(Node):
    """A node whose op has another formula."""

    formula: Any = None

    @property
    def spec(self) -> Op:
        return replace(OPS[self.op], reference=self.formula)


def _rewritten(node: Node, by_op: Mapping[str, Any]) -> Node:
    formula = by_op[node.op](node) if node.op in by_op else None
    if formula is None:
        return node
    return _Rewritten(node.name, node.op, node.operands, node.static, node.where, formula)


def _corrected(correction: int) -> Callable[[Node], Any]:
    """Return what makes a variance divide by n - correction where it divides by the other."""

    def formula(node: Node) -> Any:
        if node.static.get("correction", 0) != 1 - correction:
            return None
        reference = OPS[node.op].reference
        return lambda *operands, **static: reference(
            *operands, **{**static, "correction": correction}
        )

    return formula


def _unbiased(count: Callable[[Array, Array], int]) -> Callable[[Node], Any]:
    """Return what makes a normalization over n elements divide its variance by n - 1.

    (x - mean) / sqrt(v n / (n - 1) + eps) is the same with v, eps (n - 1) / n and a weight that
    is smaller by the root of (n - 1) / n.
    """

    def formula(node: Node) -> Any:
        reference = OPS[node.op].reference

        def run(x: Array, weight: Array, bias: Array, eps: float = 1e-5) -> tuple[Array, Any]:
            n = count(x, weight)
            less = (n - 1) / n
            y, pullback = reference(x, weight * np.sqrt(less), bias, eps=eps * less)

            def back(dy: Array) -> Any:
                dx, dweight, dbias = pullback(dy)
                return dx, dweight * np.sqrt(less), dbias

            return y, back

        return run

    return formula


VARIANCES: Mapping[str, Mapping[str, Callable[[Node], Any]]] = {
    "a variance that divides by n − 1, not by n": {
        "var": _corrected(1),
        "std": _corrected(1),
        "layer_norm": _unbiased(lambda x, weight: int(np.size(weight))),
        "batch_norm": _unbiased(lambda x, weight: int(np.size(x) // np.size(weight))),
    },
    "a variance that divides by n, not by n − 1": {
        "var": _corrected(0),
        "std": _corrected(0),
    },
}


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
