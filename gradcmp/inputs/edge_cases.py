"""The cases that edge shapes and edge values make of one, and their inputs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from gradcmp.errors import UsageError, did_you_mean
from gradcmp.inputs.edges import EDGES
from gradcmp.inputs.kinds import KINDS

MOST = 64  # combinations; of more, each length is tried beside the last of the others
NAME = re.compile(r"[A-Za-z_]+")  # of a length; no x, which stands between lengths
REAL = tuple(name for name, kind in KINDS.items() if kind.element == "float" and not kind.probe)


@dataclass(frozen=True)
class EdgeCase:
    """One choice of lengths and of edge values.

    Attributes
    ----------
    sizes : mapping of str to int
        By the name of the length.
    edges : mapping of str to str
        By input, a key of `EDGES`.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    edges: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in {**self.sizes, **self.edges}.items())

    def input(self, name: str, spec: Any) -> Any:
        """Return the specification of an input, as text or as a mapping, for this choice."""
        return with_edge(with_sizes(spec, self.sizes), self.edges.get(name, ""))


def edge_cases(
    inputs: Mapping[str, Any],
    shapes: Mapping[str, Sequence[int]] | None,
    values: Mapping[str, Sequence[str]] | Sequence[str] | None,
) -> list[EdgeCase]:
    """Return every choice of lengths, and for each one case an input's edge value.

    Parameters
    ----------
    inputs : mapping of str to Any
        Specifications as text or mappings; arrays have no lengths to choose.
    shapes : mapping of str to sequence of int, optional
        Lengths by name.
    values : mapping of str to sequence of str, or sequence of str, optional
        Edge values by input; without inputs, of each that is drawn from real numbers.

    Raises
    ------
    UsageError
        For names that nothing has, and lengths that nothing uses.
    """
    shapes, edges = shapes or {}, [*_edges(inputs, values)]
    for name, lengths in shapes.items():
        _require_lengths(name, lengths, inputs)
    chosen = [*_sizes(shapes)]
    varied = [{}, *({name: edge} for name, edge in edges)]
    if len(chosen) * len(varied) > MOST:
        last = chosen[-1]
        return [EdgeCase(one) for one in chosen] + [EdgeCase(last, one) for one in varied[1:]]
    return [EdgeCase(sizes, one) for sizes, one in product(chosen, varied)]


def _sizes(shapes: Mapping[str, Sequence[int]]) -> Iterator[dict[str, int]]:
    if math.prod(map(len, shapes.values())) <= MOST:
        for lengths in product(*shapes.values()):
            yield dict(zip(shapes, lengths, strict=True))
        return
    last = {name: several[-1] for name, several in shapes.items()}
    for name, several in shapes.items():
        yield from ({**last, name: length} for length in several if length != last[name])
    yield last


def _require_lengths(name: str, lengths: Any, inputs: Mapping[str, Any]) -> None:
    if not NAME.fullmatch(name) or "x" in name:
        raise UsageError(
            f"'{name}' cannot be the name of a length", way_out="Use letters but 'x', and '_'"
        )
    whole = isinstance(lengths, list | tuple) and lengths
    if not whole or any(type(one) is not int or one < 0 for one in lengths):
        raise UsageError(
            f"shapes.{name} is {lengths!r}, and must be a list of lengths",
            way_out="Write [0, 1, 63, 64, 65]",
        )
    if len({*lengths}) < len(lengths):
        raise UsageError(f"shapes.{name} has a length twice", way_out="Remove one of them")
    if all(with_sizes(spec, {name: 1}) == spec for spec in inputs.values()):
        raise UsageError(
            f"shapes.{name} is not used", way_out=f"Write it in a shape, as in normal:{name}x64"
        )


def _edges(
    inputs: Mapping[str, Any], values: Mapping[str, Sequence[str]] | Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    if values is not None and not isinstance(values, Mapping):
        drawn = [name for name, spec in inputs.items() if _kind(spec) in REAL]
        if not drawn:
            raise UsageError(
                "values has no input to change: none is drawn from real numbers",
                way_out="Name the inputs, as in {x: [ties]}",
            )
        values = dict.fromkeys(drawn, values)
    for name, edges in (values or {}).items():
        if name not in inputs:
            raise UsageError(f"values names no input: '{name}'", way_out=did_you_mean(name, inputs))
        for edge in [edges] if isinstance(edges, str) else edges:
            if edge not in EDGES:
                known = ", ".join(EDGES)
                way_out = did_you_mean(str(edge), EDGES) or f"There are {known}"
                raise UsageError(f"there are no edge values '{edge}'", way_out=way_out)
            yield name, edge


def _kind(spec: Any) -> str:
    if isinstance(spec, Mapping):
        return str(spec.get("kind", ""))
    return spec.partition(":")[0] if isinstance(spec, str) else ""


def with_sizes(spec: Any, sizes: Mapping[str, int]) -> Any:
    """Return a specification with numbers for the names of lengths."""
    if isinstance(spec, Mapping) and "shape" in spec:
        shape = spec["shape"]
        if isinstance(shape, str):
            return {**spec, "shape": _sized(shape, sizes)}
        if isinstance(shape, list | tuple):
            return {**spec, "shape": [sizes.get(one, one) for one in shape]}
    if not isinstance(spec, str) or _kind(spec) not in KINDS:
        return spec
    kind, separator, rest = spec.partition(":")
    shape, colon, options = rest.partition(":")
    return f"{kind}{separator}{_sized(shape, sizes)}{colon}{options}"


def _sized(shape: str, sizes: Mapping[str, int]) -> str:
    return "x".join(str(sizes.get(length, length)) for length in shape.split("x"))


def with_edge(spec: Any, edge: str) -> Any:
    """Return a specification with edge values."""
    if not edge:
        return spec
    if isinstance(spec, Mapping):
        return {**spec, "edge": edge}
    if not isinstance(spec, str):
        return {"kind": "values", "values": spec, "edge": edge}
    last = spec.rpartition(":")[2]
    return f"{spec}{',' if '=' in last else ':'}edge={edge}"
