"""What the tensors of derivatives are called, as on screen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Literal, TypeAlias

Derivative: TypeAlias = Literal["gradient", "jvp", "hvp", "jacobian", "hessian"]

# No name of an input, a node or a tap has a blank or a comma; a tap may be called v[1].
_DERIVED = re.compile(r"[JH] v\[.+\]|[JH]\[.+, .+\]")
_TANGENT = re.compile(r"v\[[^\d\]].*\]")


def names(derivative: Derivative, outputs: Sequence[str], wrt: Sequence[str]) -> tuple[str, ...]:
    """Return the names of all tensors of a derivative, as on screen.

    ``J v[y]`` is the tangent of an output, the sum over all inputs; ``H v[X]`` is the part of the
    Hessian-vector product that belongs to an input, of ``<cotangent, outputs>``. ``J[y, X]`` has
    the axes of y, then those of X; ``H[X, Z]`` those of X, then those of Z.
    """
    return tuple(_names(derivative, outputs, wrt))


def _names(derivative: Derivative, outputs: Sequence[str], wrt: Sequence[str]) -> Iterator[str]:
    if derivative == "jvp":
        yield from (f"J v[{y}]" for y in outputs)
    elif derivative == "hvp":
        yield from (f"H v[{x}]" for x in wrt)
    elif derivative == "jacobian":
        yield from (f"J[{y}, {x}]" for y, x in product(outputs, wrt))
    elif derivative == "hessian":
        yield from (f"H[{x}, {z}]" for x, z in product(wrt, wrt))


def tangent(name: str) -> str:
    """Return what the direction of an input is called."""
    return f"v[{name}]"


def is_derived(name: str) -> bool:
    """Whether a tensor's name, as on screen, is that of a derivative beyond the gradient."""
    return _DERIVED.fullmatch(name) is not None


def is_tangent(name: str) -> bool:
    """Whether a tensor's name, as on screen, is that of a direction."""
    return _TANGENT.fullmatch(name) is not None
