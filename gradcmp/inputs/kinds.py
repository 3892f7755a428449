"""The kinds of input, one function each; its signature declares the parameters of the kind."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np

from gradcmp.case import Shape
from gradcmp.dtypes.arrays import BFLOAT16
from gradcmp.inputs import npy
from gradcmp.inputs.edges import EDGES
from gradcmp.keys import Reach
from gradcmp.ops import Array, ArraySpec
from gradcmp.ops.spec import Kind as Element

ELEMENTS: Mapping[str, Element] = {
    "f": "float",
    "c": "complex",
    "i": "int",
    "u": "int",
    "b": "bool",
}
CAST = {"float": np.float64, "complex": np.complex128, "int": np.int64, "bool": np.bool_}


class UnfitError(ValueError):
    """Parameters or contents that do not make an array; the caller adds input, file and line."""


def normal(rng: np.random.Generator, shape: Shape, mean: float = 0.0, std: float = 1.0) -> Array:
    """Return mean + std * z, with z standard normal."""
    return mean + std * rng.standard_normal(shape)


def uniform(rng: np.random.Generator, shape: Shape, low: float = 0.0, high: float = 1.0) -> Array:
    """Return low + (high - low) * u, with u uniform in [0, 1)."""
    return low + (high - low) * rng.random(shape)


def ones(rng: np.random.Generator, shape: Shape) -> Array:
    """Return 1 everywhere."""
    return np.ones(shape)


def zeros(rng: np.random.Generator, shape: Shape) -> Array:
    """Return 0 everywhere."""
    return np.zeros(shape)


def arange(rng: np.random.Generator, shape: Shape, start: float = 0.0, step: float = 1.0) -> Array:
    """Return start, start + step, start + 2 * step, …, the last axis running fastest."""
    return (start + step * np.arange(math.prod(shape), dtype=np.float64)).reshape(shape)


def constant(rng: np.random.Generator, shape: Shape, value: float) -> Array:
    """Return the same number everywhere."""
    return np.full(shape, value, np.float64)


def integers(rng: np.random.Generator, shape: Shape, high: int, low: int = 0) -> Array:
    """Return integers from low to high - 1: indices, classes."""
    if not -(2**63) <= low < high <= 2**63:
        raise UnfitError(f"asks for 64-bit integers from {low} to {high - 1}, and there are none")
    return rng.integers(low, high, shape)


def values(
    rng: np.random.Generator, shape: Shape | None, values: object, integer: bool = False
) -> Array:
    """Return numbers in nested lists: real, boolean, integer (with integer), or complex: '1+2j'."""
    given = _read(values)
    try:
        array = _host(given)
    except (ValueError, OverflowError):
        raise UnfitError("has lists of different lengths at the same level") from None
    if array.dtype == np.bool_:
        return array
    if array.dtype.kind not in "iufc" or _has_booleans(values):
        raise UnfitError("must contain only numbers, or only booleans")
    if not integer:
        return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    if array.size and array.dtype.kind != "i":
        raise UnfitError("has 'integer: true', and must contain only 64-bit integers")
    return array.astype(np.int64)


def file(
    rng: np.random.Generator,
    shape: Shape | None,
    file: Annotated[str, Reach.FILE],
    key: str | None = None,
) -> Array:
    """Return an array from a .npy file, or the one called key from a .npz file."""
    array = npy.read(file, key)
    return array.astype(CAST[_kind(array)])


def _read(values: object) -> object:
    """Return numbers in nested lists, of which those that are text are complex."""
    if isinstance(values, list | tuple):
        return [_read(value) for value in values]
    if not isinstance(values, str):
        return values
    try:
        return complex(values.replace(" ", ""))
    except ValueError:
        raise UnfitError(f"has '{values}', which is no number; complex: '1+2j'") from None


def _host(given: object) -> Array:
    """Return numbers in lists, or a tensor of any framework, as NumPy has them."""
    if hasattr(given, "detach"):  # torch's own, which may require a gradient or be in bfloat16
        found = given.detach().cpu()
        given = found.float() if str(found.dtype) == "torch.bfloat16" else found
    array = np.asarray(given.numpy() if hasattr(given, "numpy") else given)
    return array.astype(np.float64) if array.dtype == BFLOAT16 else array


def _has_booleans(values: object) -> bool:
    if isinstance(values, list | tuple):
        return any(_has_booleans(value) for value in values)
    return isinstance(values, bool)


def _kind(array: Array | np.dtype[Any]) -> Element:
    dtype = array.dtype if isinstance(array, np.ndarray) else array
    if dtype.kind not in ELEMENTS or dtype == np.uint64:
        raise UnfitError(f"has dtype {dtype}, and must contain numbers or booleans")
    return ELEMENTS[dtype.kind]


def _probe_values(**parameters: Any) -> ArraySpec:
    array = values(np.random.default_rng(0), None, **parameters)
    return ArraySpec(array.shape, _kind(array))


def _probe_file(file: str, key: str | None = None) -> ArraySpec:
    shape, dtype = npy.probe(file, key)
    return ArraySpec(shape, _kind(dtype))


@dataclass(frozen=True)
class Kind:
    """One way to make an input.

    Attributes
    ----------
    draw : callable
        ``draw(rng, shape, **parameters)`` returns an array of float64, complex128, int64 or bool.
    element : {"float", "int"}
        The element of an array whose shape is given.
    probe : callable, optional
        ``probe(**parameters)`` returns shape and kind of an array that brings its own, without
        reading the numbers of a file. None for the kinds whose shape is given.
    is_random : bool
        Whether it is drawn: of complex numbers each part is.
    """

    draw: Callable[..., Array]
    element: Element = "float"
    probe: Callable[..., ArraySpec] | None = None
    is_random: bool = False

    @property
    def summary(self) -> str:
        """A description of the array, in one line."""
        return (inspect.getdoc(self.draw) or "").removeprefix("Return ")

    @cached_property
    def parameters(self) -> Mapping[str, tuple[Any, Any]]:
        """Type and default by name; the default is `inspect.Parameter.empty` where required."""
        hints = get_type_hints(self.draw)
        taken = list(inspect.signature(self.draw).parameters.values())[2:]  # after rng and shape
        own = {one.name: (hints[one.name], one.default) for one in taken}
        if self.element == "int":
            return own
        return {**own, EDGE: (Literal[tuple(EDGES)] | None, None), SYMMETRIC: (bool, False)}

    @cached_property
    def reaches(self) -> Mapping[str, Reach]:
        """What parameters name that is not part of the config, by name: see `gradcmp.keys`."""
        hints = get_type_hints(self.draw, include_extras=True)
        return {
            name: mark
            for name, hint in hints.items()
            for mark in getattr(hint, "__metadata__", ())
            if isinstance(mark, Reach)
        }


# Parameters of all real inputs: which numbers take the place of those drawn, and whether matrices
# are symmetric and have symmetric gradients.
EDGE, SYMMETRIC = "edge", "symmetric"


def own(parameters: Mapping[str, object]) -> dict[str, Any]:
    """Return the parameters of a kind, without what all kinds have."""
    return {name: value for name, value in parameters.items() if name not in (EDGE, SYMMETRIC)}


KINDS: Mapping[str, Kind] = {
    "normal": Kind(normal, is_random=True),
    "uniform": Kind(uniform, is_random=True),
    "ones": Kind(ones),
    "zeros": Kind(zeros),
    "arange": Kind(arange),
    "constant": Kind(constant),
    "integers": Kind(integers, "int", is_random=True),
    "values": Kind(values, probe=_probe_values),
    "file": Kind(file, probe=_probe_file),
}
