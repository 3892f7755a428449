"""Gradients that were derived by hand, followed back through a rearrangement of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcmp.errors import BackendError
from gradcmp.native.outcome import Array


def pulled_back(
    arrange: Callable[[Mapping[str, Array]], Mapping[str, Any]],
    given: Mapping[str, Array],
    gradients: Mapping[str, Any],
) -> dict[str, Array]:
    """Return the gradients of what `arrange` was given, from those of what it makes of it.

    Each element that it makes must be one that it was given: transposed, cut, joined, repeated. It
    is called with the places of the elements for numbers, and with random ones as a proof.

    Raises
    ------
    BackendError
        Where it computes something.
    """
    ends = np.cumsum([0, *(array.size for array in given.values())])
    places = {
        name: np.arange(start, start + array.size, dtype=np.float64).reshape(array.shape)
        for (name, array), start in zip(given.items(), ends[:-1], strict=True)
    }
    numbers = np.random.default_rng(0).standard_normal(ends[-1])
    proof = arrange({name: numbers[_indices(where)] for name, where in places.items()})
    slopes, kinds = np.zeros(ends[-1]), [np.dtype(np.float32)]
    for name, where in arrange(places).items():
        at = _indices(where)
        inside = np.all((at >= 0) & (at < ends[-1]))
        if not inside or not np.array_equal(numbers[at], np.asarray(proof[name])):
            raise BackendError(
                f"parameter '{name}' is more than elements of the reference's in another order, "
                "and a gradient that was derived by hand is not followed through that",
                way_out="Take the reference's parameters, and return their gradients",
            )
        if name in gradients:
            slope = np.asarray(gradients[name])
            kinds.append(slope.dtype)
            np.add.at(slopes, at.reshape(-1), slope.astype(np.float64).reshape(-1))
    kind = np.result_type(*kinds[1:] or kinds)
    return {name: slopes[_indices(where)].astype(kind) for name, where in places.items()}


def _indices(where: Any) -> Any:
    return np.rint(np.asarray(where, np.float64)).astype(np.intp)
