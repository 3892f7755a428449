"""The upstream gradients of a function's outputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import numpy as np

from gradcmp.case import Shape

# By the name of the output; or a function of its name and its shape.
Cotangents: TypeAlias = Mapping[str, Any] | Callable[[str, Shape], Any]


def upstream_of(cotangents: Cotangents, output: str, shape: Shape) -> Any:
    """Return the cotangent of an output: 1 of a scalar that none is given for, else None."""
    if not isinstance(cotangents, Mapping):
        return cotangents(output, shape)
    return cotangents.get(output, 1.0 if shape == () else None)


def silenced(cotangents: Cotangents, outputs: Collection[str]) -> Cotangents:
    """Return cotangents of which those of some outputs are zero."""
    if not outputs:
        return cotangents

    def found(output: str, shape: Shape) -> Any:
        return np.zeros(shape) if output in outputs else upstream_of(cotangents, output, shape)

    return found
