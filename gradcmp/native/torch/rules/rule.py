"""What a noise rule is, and how it reads the operation that it was called for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

import torch

from gradcmp.native.noisy.branches import Branches
from gradcmp.native.torch.rounding import Rounding
from gradcmp.native.torch.subject import Tensor


class Context(Protocol):
    """What a rule sees of the run that it is a part of.

    Attributes
    ----------
    whole : bool
        Whether composite operations round once, at their end.
    exact : bool
        Whether there are no errors at all.
    """

    rounding: Rounding
    branches: Branches
    whole: bool

    @property
    def exact(self) -> bool: ...  # noqa: D102

    def inside(self) -> AbstractContextManager[Any]:
        """Return a context in which each operation has its error: for rules made of others."""

    def once(self, func: Any, y: Tensor, compute: Callable[[], Any]) -> Any:
        """Return what is the same in all runs but for their noise, from the one without."""

    def name_unruled(self, name: str) -> None:
        """Take note of an operation that has no rule."""


Rule: TypeAlias = Callable[[Context, Any, tuple[Any, ...], dict[str, Any]], Any]

aten, prims = torch.ops.aten, torch.ops.prims


def packets(names: str, of: Any = aten) -> list[Any]:
    """Return the operations of those names that this version of torch has."""
    return [getattr(of, name) for name in names.split() if hasattr(of, name)]


def table(entries: dict[str, Rule], of: Any = aten) -> dict[Any, Rule]:
    """Return the rule of each operation, from names with blanks between them."""
    return {packet: rule for names, rule in entries.items() for packet in packets(names, of)}


def bound(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of an operation by name, defaults included."""
    taken = {}
    for place, one in enumerate(func._schema.arguments):
        if place < len(args):
            taken[one.name] = args[place]
        else:
            taken[one.name] = kwargs.get(one.name, one.default_value)
    return taken


def is_real(value: Any) -> bool:
    """Whether it is a tensor that carries noise."""
    return (
        isinstance(value, torch.Tensor)
        and value.dtype == torch.float64
        and value.layout is torch.strided
    )
