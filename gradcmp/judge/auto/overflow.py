"""What overflows in a dtype though float64 has a finite number, and which elements that reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.graph import Graph, backward, forward
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.ops import Array
from gradcmp.recording import Recording, numpy_dtype

GRADIENT = "d "
FLOAT64 = constants_of(np.dtype(np.float64))


@dataclass
class Overflow:
    """The reference in float64, with an infinity wherever one step overflows in a dtype.

    Each step is tried by itself, in the dtype, on operands that are right: so nothing is found
    but overflows, inside of ops as well, and never a pole or a quotient by a zero that rounding
    made. What follows from an infinity is computed in float64.

    Attributes
    ----------
    clean, spoiled : mapping of str to array
        Values and gradients without overflows and with them, as on screen.
    sources : dict of str to str
        By tensor that overflows itself: why, in words.
    """

    dtype: DType
    clean: Mapping[str, Array]
    spoiled: dict[str, Array] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def reached(self, name: str) -> npt.NDArray[np.bool_] | None:
        """Return where an overflow makes a finite number another; None of what is not known."""
        if name not in self.spoiled or name not in self.clean:
            return None
        clean, spoiled = self.clean[name], self.spoiled[name]
        with np.errstate(all="ignore"):
            reached: npt.NDArray[np.bool_] = np.isfinite(clean) & ~(spoiled == clean)
        return reached

    def why(self, name: str) -> str:
        """Return which tensor overflows, `name` itself if it does, else the first."""
        return self.sources.get(name) or next(iter(self.sources.values()), "")

    def put(self, name: str, clean: Array, tried: Array, follows: Array, flagged: bool) -> Array:
        """Return what follows from earlier overflows, with an infinity where this one is new.

        Parameters
        ----------
        name : str
            What it is a part of.
        clean, tried : array
            In float64, and in the dtype, from operands that are right.
        follows : array
            In float64, from operands with the earlier overflows.
        flagged : bool
            Whether the arithmetic reported an overflow.
        """
        largest = FORMATS[self.dtype].largest
        beyond = np.isfinite(clean) & (np.abs(clean) > largest)
        over = beyond | (np.isfinite(clean) & ~np.isfinite(tried) & flagged)
        if not over.any():
            return follows
        text = f"'{name}' exceeds" if beyond.any() else f"a number inside '{name}' exceeds"
        text += f" {largest:g}, the largest number of the dtype"
        self.sources.setdefault(name, text)
        infinite = np.where(np.isfinite(tried), np.copysign(np.inf, clean), tried)
        return np.where(over, infinite, follows)


def overflows(graph: Graph, reference: Recording, dtype: DType) -> Overflow:
    """Find what overflows in a dtype, forward and backward."""
    coarse = numpy_dtype(FORMATS[dtype].computes_in)
    inputs = {name: reference.values[name] for name in graph.inputs}
    with np.errstate(all="ignore"):
        tape = forward(graph, inputs, FLOAT64)
        gradients = backward(graph, tape, reference.gradients[graph.output])
        found = Overflow(
            dtype, {**tape.values, **{GRADIENT + name: dx for name, dx in gradients.items()}}
        )
        found.spoiled.update(inputs)
        pullbacks = dict(_forward(found, graph, tape.values, coarse))
        _backward(found, graph, gradients, tape.pullbacks, pullbacks, coarse)
    return found


def beyond_largest(tensors: Mapping[str, Array], dtype: DType) -> Overflow:
    """Find what of float64 tensors a dtype has no finite number for, and nothing else.

    What overflows on the way to a number that the dtype has is not known without a graph.
    """
    found = Overflow(dtype, tensors)
    for name, clean in tensors.items():
        found.spoiled[name] = found.put(name, clean, clean, clean, flagged=False)
    return found


Pullbacks = tuple[Callable[[Array], tuple[Array | None, ...]], ...]


def _forward(
    found: Overflow, graph: Graph, values: Mapping[str, Array], coarse: npt.DTypeLike
) -> Iterator[tuple[str, Pullbacks]]:
    """Spoil the values; return the pullbacks of each node, tried and following."""
    for node in graph:
        one, name = replace(graph, nodes=(node,)), node.name
        with _flag() as flag:
            right = {source: _cast(values[source], coarse) for source in node.sources}
            tried = forward(one, right, constants_of(np.dtype(coarse)))
        spoiled = {source: found.spoiled[source] for source in node.sources}
        follows = forward(one, spoiled, FLOAT64)
        found.spoiled[name] = (
            found.put(name, values[name], tried.values[name], follows.values[name], bool(flag))
            if spec_of(values[name]).kind == "float"
            else follows.values[name]
        )
        yield name, (tried.pullbacks[name], follows.pullbacks[name])


def _backward(
    found: Overflow,
    graph: Graph,
    gradients: Mapping[str, Array],
    clean: Mapping[str, Callable[[Array], tuple[Array | None, ...]]],
    pullbacks: Mapping[str, Pullbacks],
    coarse: npt.DTypeLike,
) -> None:
    """Spoil the gradients."""
    spoiled = {graph.output: gradients[graph.output]}
    for node in reversed(graph.nodes):
        if node.name not in spoiled:
            continue
        right = gradients[node.name]
        tried, follows = pullbacks[node.name]
        with _flag() as flag:
            parts = tried(_cast(right, coarse))
        three = zip(clean[node.name](right), parts, follows(spoiled[node.name]), strict=True)
        for operand, (exact, part, follow) in zip(node.operands, three, strict=True):
            if not isinstance(operand, str) or exact is None or part is None or follow is None:
                continue
            dx = found.put(GRADIENT + operand, exact, part, follow, bool(flag))
            spoiled[operand] = spoiled[operand] + dx if operand in spoiled else dx
    for name, gradient in spoiled.items():
        found.spoiled[GRADIENT + name] = gradient


def _cast(array: Array, dtype: npt.DTypeLike) -> Array:
    return array.astype(dtype) if spec_of(array).kind == "float" else array


@contextmanager
def _flag() -> Iterator[list[str]]:
    """Return a list that is not empty once the arithmetic has reported an overflow."""
    seen: list[str] = []
    with np.errstate(all="ignore", over="call", call=lambda kind, _: seen.append(kind)):
        yield seen
