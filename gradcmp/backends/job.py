"""What an adapter is asked and what it answers: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gradcmp.case import DType
from gradcmp.derivatives import Asked
from gradcmp.dtypes import part_of
from gradcmp.dtypes.arrays import in_parts, of_parts
from gradcmp.graph import Graph, infer
from gradcmp.graph.walk import spec_of
from gradcmp.ops import Array, ArraySpec
from gradcmp.ops.spec import CONTINUOUS
from gradcmp.recording import numpy_dtype


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
    asked : Asked, optional
        What is to be computed besides the gradient; its directions as the inputs.
    whole : set of str
        The inputs that are of complex numbers: they are handed over in parts, on a last axis of
        two, and so is the cotangent of a complex output.
    """

    label: str
    graph: Graph
    inputs: Mapping[str, Array]
    cotangent: Array
    mode: str
    dtype: DType
    asked: Asked | None = None
    whole: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Signature:
    """All that a compiled function depends on: everything of a job but its numbers.

    Two are equal only if their graph is the same object: graphs that compare equal may still
    differ in the sign of a zero. `gradcmp.graph.build.assemble` gives one object per text.
    """

    graph: Graph
    mode: str
    dtype: DType
    inputs: tuple[tuple[str, ArraySpec], ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Signature) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def _key(self) -> tuple[object, ...]:
        return (id(self.graph), self.mode, self.dtype, self.inputs)

    @cached_property
    def specs(self) -> Mapping[str, ArraySpec]:
        """Shapes and kinds of all inputs and nodes."""
        return infer(self.graph, dict(self.inputs))

    @cached_property
    def real(self) -> tuple[str, ...]:
        """Names of the inputs and nodes that have a gradient."""
        return tuple(name for name, spec in self.specs.items() if spec.kind in CONTINUOUS)

    def dtype_of(self, name: str) -> str:
        """Return the dtype of an input or node."""
        kinds = {"float": part_of(self.dtype), "complex": self.dtype, "int": "int64"}
        return kinds.get(self.specs[name].kind, "bool")


@dataclass(frozen=True)
class Computed:
    """What an adapter gives: arrays by name, as the framework's own memory may hold them."""

    values: Mapping[str, Array]
    gradients: Mapping[str, Array]
    timings: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)  # for the environment of a recording


def cast(array: Array, dtype: DType) -> Array:
    """Return an input as the backends see it: real and complex numbers in `dtype`, int64, bool."""
    target = {
        "float": numpy_dtype(part_of(dtype)),
        "complex": numpy_dtype(dtype),
        "int": np.dtype(np.int64),
        "bool": np.dtype(np.bool_),
    }
    with np.errstate(over="ignore"):  # an infinity is a finding for the judge, not a warning
        return np.array(array, target[spec_of(array).kind], order="C")


def own(array: Array) -> Array:
    """Return the array itself if it is contiguous and nobody else's memory, else a copy that is.

    Complex numbers become parts, on a last axis of two.
    """
    array = in_parts(array) if array.dtype.kind == "c" else array
    flags = array.flags
    plain = type(array) is np.ndarray and flags.owndata and flags.c_contiguous and flags.writeable
    return array if plain else np.array(array, order="C")


def whole(array: Array, dtype: DType) -> Array:
    """Return the complex array of which these are the parts."""
    parts = cast(array, part_of(dtype))
    return of_parts(parts)


def conjugated(array: Array) -> Array:
    """Return the conjugate of complex numbers; real ones as they are."""
    return np.conjugate(array) if array.dtype.kind == "c" else array
