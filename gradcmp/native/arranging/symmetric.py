"""A function of the user whose symmetric inputs have symmetric gradients."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import wraps
from inspect import signature
from typing import Any

from gradcmp.dtypes.arrays import Array
from gradcmp.errors import BackendError
from gradcmp.native.arranging.arranged import Arranged
from gradcmp.native.calling import by_place, described
from gradcmp.native.side import Function
from gradcmp.ops.linalg.matrices import SYMMETRIC_PARTS
from gradcmp.ops.routines import symmetric_part

BY_HAND = "numpy"  # whose gradients nothing hands back


def with_symmetric(
    function: Function, framework: str, wrt: Sequence[str] | None, names: Sequence[str]
) -> Function:
    """Return a function of the symmetric parts of some inputs.

    A framework hands back (G + Gᵀ) / 2 of whatever gradient G its library makes of the two
    triangles; of gradients that were derived by hand the symmetric part is taken.

    Parameters
    ----------
    wrt : sequence of str, optional
        Of its inputs, what is differentiated; all that are real unless it is given.

    Raises
    ------
    BackendError
        For a function that brings parameters; when it is called, for an input that it has not.
    """
    if not names:
        return function
    if Arranged.brings_parameters(function):
        raise BackendError(
            f"{described(function)} brings parameters of its own, and has no symmetric input here",
            way_out="Compare a function that takes them as inputs",
        )

    @wraps(function)
    def of_symmetric(*args: Any, **kwargs: Any) -> Any:
        given = dict(signature(function).bind(*args, **kwargs).arguments) if args else kwargs
        for name in names:
            if name not in given:
                fact = f"{described(function)} has no input '{name}' of its own that is symmetric"
                raise BackendError(fact, way_out="Hand over each array as an input of its own")
            given[name] = _part(framework, given[name])
        found = by_place(function, given)
        return _by_hand(found, given, wrt, names) if framework == BY_HAND else found

    return of_symmetric


def _part(framework: str, x: Any) -> Any:
    if framework == BY_HAND:
        return symmetric_part(x)
    return SYMMETRIC_PARTS[framework](sys.modules[framework], x)


def _by_hand(
    found: Any, given: Mapping[str, Array], wrt: Sequence[str] | None, names: Sequence[str]
) -> Any:
    """Return a value and its gradients, those of symmetric inputs by their symmetric part."""
    if not isinstance(found, tuple) or len(found) != 2:
        return found  # which the engine refuses, in its own words
    order = [n for n, x in given.items() if x.dtype.kind == "f" and (wrt is None or n in wrt)]

    def part(name: str, slope: Any) -> Any:
        return symmetric_part(slope) if name in names else slope

    def parts(slopes: Any) -> Any:
        if isinstance(slopes, Mapping):
            return {name: part(name, slope) for name, slope in slopes.items()}
        if not isinstance(slopes, tuple | list):
            return parts((slopes,))
        return tuple(map(part, order, slopes)) if len(order) == len(slopes) else slopes

    value, slopes = found
    return value, (lambda upstream: parts(slopes(upstream))) if callable(slopes) else parts(slopes)
