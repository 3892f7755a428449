"""The upstream gradients of a function's outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from gradcmp.case import Shape

# By the name of the output; or a function of its name and its shape.
Cotangents: TypeAlias = Mapping[str, Any] | Callable[[str, Shape], Any]


def upstream_of(cotangents: Cotangents, output: str, shape: Shape) -> Any:
    """Return the cotangent of an output: 1 of a scalar that none is given for, else None."""
    if not isinstance(cotangents, Mapping):
        return cotangents(output, shape)
    return cotangents.get(output, 1.0 if shape == () else None)
