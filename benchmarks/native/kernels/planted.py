"""A kernel as people write it in torch, and the bugs that are planted in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

BOTH = ("float32", "bfloat16")


@dataclass(frozen=True)
class Bug:
    """A kernel with one bug, and what is to be said of it.

    Attributes
    ----------
    wrong : tuple of str
        The tensors that are bugs, and no others.
    cause : str
        What one of the causes says; empty where none is expected.
    dtypes : tuple of str
        In which it can be seen: some are smaller than a rounding error of bfloat16.
    contiguous : bool
        Whether it is right for contiguous cotangents.
    """

    function: Callable[..., Any]
    wrong: tuple[str, ...]
    cause: str = ""
    dtypes: tuple[str, ...] = BOTH
    contiguous: bool = False


@dataclass
class Kernel:
    """A fused kernel beside the plain code that it replaces.

    Attributes
    ----------
    fused : type
        An `autograd.Function`.
    options : mapping
        Further arguments of `compare_functions`.
    """

    eager: Callable[..., Any]
    fused: Any
    inputs: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    bugs: dict[str, Bug] = field(default_factory=dict)

    def planted(self, *wrong: str, method: str = "backward", **facts: Any) -> Callable[..., Any]:
        """Return a decorator: the kernel with this function for one of its methods is a bug."""

        def plant(function: Callable[..., Any]) -> Callable[..., Any]:
            name = function.__name__
            spoiled = type(name, (self.fused,), {method: staticmethod(function)})
            self.bugs[name.replace("_", " ")] = Bug(spoiled.apply, wrong, **facts)
            return function

        return plant


def blocks(length: int, size: int, whole: bool = False) -> Iterator[slice]:
    """Return blocks of an axis; without the last one where that is smaller, if they are whole."""
    stop = length - length % size if whole else length
    for start in range(0, stop, size):
        yield slice(start, min(start + size, length))


def vectors(length: int, tensor: Any) -> int:
    """Return how much of a length whole vectors of 16 bytes cover: in float64 more than in less."""
    lanes = 16 // tensor.element_size()
    return length - length % lanes
