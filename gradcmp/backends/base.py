"""What an adapter is: NumPy in, Recording out; it never judges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcmp.case import DTYPES, DType
from gradcmp.graph import Constant, Graph
from gradcmp.graph.infer import kind_of
from gradcmp.graph.walk import spec_of
from gradcmp.ops import Array, ArraySpec
from gradcmp.ops.spec import Kind
from gradcmp.recording import Recording


@dataclass(frozen=True)
class Job:
    """One request: compute this graph on these arrays, and differentiate it.

    Attributes
    ----------
    label : str
        What the recording calls its backend.
    inputs : mapping of str to array
        Real inputs in float64 or already in `dtype`; integers and booleans as they are.
    cotangent : array
        The upstream gradient of the output, in its shape.
    """

    label: str
    graph: Graph
    inputs: Mapping[str, Array]
    cotangent: Array
    mode: str
    dtype: DType
    device: str = "cpu"


class Backend(ABC):
    """An adapter to one framework.

    The class says what there is without importing the framework; an instance has imported it.
    """

    name: ClassVar[str]
    package: ClassVar[str]  # the distribution whose version `gradcmp backends` shows
    modes: ClassVar[tuple[str, ...]]  # the first is the default
    dtypes: ClassVar[tuple[DType, ...]] = DTYPES
    environment_variables: ClassVar[Mapping[str, str]] = {}  # set before the worker starts

    @abstractmethod
    def __init__(self, device: str) -> None:
        """Import the framework and set the flags that make it compute what it was asked to."""

    @abstractmethod
    def devices(self) -> tuple[str, ...]:
        """Give the devices that this machine offers the framework: ``cpu``, ``cuda:0``."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Give versions, thread counts, determinism and precision flags."""

    @abstractmethod
    def record(self, job: Job) -> Recording:
        """Compute every node and the gradient of every real input and node.

        An input or node that the output ignores has a gradient of zeros.
        """


def evaluate(
    graph: Graph,
    backend: str,
    module: Any,
    inputs: Mapping[str, Any],
    specs: Mapping[str, ArraySpec],
    constant: Callable[[float | int | bool, Kind], Any],
    tap: Callable[[str, Any], Any] = lambda name, tensor: tensor,
) -> dict[str, Any]:
    """Compute every node with the framework's own functions.

    Parameters
    ----------
    inputs : mapping of str to tensor
        Already in the framework's own type.
    specs : mapping of str to ArraySpec
        Shapes and kinds of inputs and nodes: `gradcmp.graph.infer`.
    constant : callable
        Makes a number into a 0-d tensor of the job's dtype.
    tap : callable
        Is handed each node's tensor on its way and gives what flows on.
    """
    tensors = dict(inputs)
    for node in graph:
        operands = [
            constant(operand.value, kind_of(node, operand, specs))
            if isinstance(operand, Constant)
            else tensors[operand]
            for operand in node.operands
        ]
        tensors[node.name] = tap(
            node.name, node.spec.native[backend](module, *operands, **node.static)
        )
    return tensors


def input_specs(inputs: Mapping[str, Array]) -> dict[str, ArraySpec]:
    """Give the shapes and kinds of a job's inputs."""
    return {name: spec_of(array) for name, array in inputs.items()}
