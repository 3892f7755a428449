"""The parts of a graph: constants, nodes, and the nodes in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from gradcmp.errors import Location
from gradcmp.once import once
from gradcmp.ops import OPS, Op

STEP = "/"  # in the name of a step inside an expression: no Python name contains it


@dataclass(frozen=True)
class Constant:
    """A number written in an expression: a 0-d array of the dtype that the case runs in."""

    value: float | int | bool


# None stands for an optional operand that was left out before another one.
Operand: TypeAlias = "str | Constant | None"


@dataclass(frozen=True)
class Node:
    """A named value: one op on operands.

    A nested expression is several nodes: the outermost has the name from the file, the steps
    inside it are called ``name/1``, ``name/2`` … in the order in which they are computed.
    """

    name: str
    op: str
    operands: tuple[Operand, ...]
    static: Mapping[str, Any] = field(default_factory=dict)
    where: Location | None = field(default=None, compare=False)

    @property
    def spec(self) -> Op:
        """All that is known of this node's op."""
        return OPS[self.op]

    @property
    def is_step(self) -> bool:
        """Whether it is a step inside an expression rather than a node that the file names."""
        return STEP in self.name

    @once
    def sources(self) -> tuple[str, ...]:
        """Names of the operands that are arrays: neither constants nor left out."""
        return tuple(operand for operand in self.operands if isinstance(operand, str))


class Outline(Protocol):
    """What is made from what: all that is asked of a function that is no graph, too."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """By named value, in the order of the forward pass, what it is made from."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """What is differentiated: its gradient is the given cotangent."""

    @property
    def whole(self) -> frozenset[str]:
        """What is of complex numbers, in parts on a last axis."""


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which each comes after its operands.

    Attributes
    ----------
    whole : set of str
        The inputs and nodes of complex numbers, where the graph is of their parts.
    """

    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    output: str
    whole: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What is differentiated."""
        return (self.output,)

    @property
    def named(self) -> tuple[Node, ...]:
        """The nodes that the file names."""
        return tuple(node for node in self.nodes if not node.is_step)

    @cached_property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """By named node, in order, the inputs and other named nodes that its expression uses."""
        found: dict[str, dict[str, None]] = {}
        for node in self.nodes:
            inside = found.setdefault(node.name.partition(STEP)[0], {})
            inside |= dict.fromkeys(one for one in node.sources if STEP not in one)
        return {name: tuple(inside) for name, inside in found.items()}
