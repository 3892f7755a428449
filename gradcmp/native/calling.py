"""How a function of the user is called and what it returns, whatever its framework."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gradcmp.errors import BackendError, InputError, did_you_mean

ARRAYS = "Return an array, a tuple or a dict of them"


def described(function: Callable[..., Any]) -> str:
    """Return what to call a function in a sentence."""
    while isinstance(function, functools.partial):
        function = function.func
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type):
        return f"'{owner.__name__}.{function.__name__}'"
    name = getattr(function, "__name__", None) or getattr(function, "name", None)
    return f"'{name if isinstance(name, str) else type(function).__name__}'"


def require_names(function: Callable[..., Any], inputs: Mapping[str, Any]) -> None:
    """Refuse inputs that a function does not take by name.

    Raises
    ------
    InputError
        For a name that it does not know.
    """
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return
    if any(one.kind is one.VAR_KEYWORD for one in known.values()):
        return
    for name in inputs.keys() - known.keys():
        way_out = did_you_mean(name, known)
        raise InputError(f"{described(function)} takes no '{name}'", way_out=way_out)


def by_place(function: Callable[..., Any], inputs: Mapping[str, Any]) -> Any:
    """Call a function with its inputs in their places, where it says which these are.

    TensorFlow takes no notice of what `tf.custom_gradient` says of inputs that are given by name,
    and ``jnp.sin(x, /)`` takes no names.
    """
    try:
        known = inspect.signature(function).parameters.values()
        bound = inspect.Signature([nameable(one) for one in known]).bind(**inputs)
    except (TypeError, ValueError):
        return function(**inputs)
    return function(*bound.args, **bound.kwargs)


def nameable(one: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter that may be given by name, though its function does not take it so."""
    return one.replace(kind=one.POSITIONAL_OR_KEYWORD) if one.kind is one.POSITIONAL_ONLY else one


def named_outputs(function: Callable[..., Any], result: Any) -> dict[str, Any]:
    """Return what a function returned by name: ``output``, ``output[0]`` …, or its own keys.

    Raises
    ------
    BackendError
        For what is no array.
    """
    found = dict(_walk(result))
    for one in found.values() or [None]:
        if one is None or not hasattr(one, "dtype"):
            kind = "None" if one is None else f"'{type(one).__name__}'"
            raise BackendError(f"{described(function)} returned {kind}", way_out=ARRAYS)
    return found


def _walk(result: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(result, Mapping):
        yield from ((str(name), one) for name, one in result.items() if one is not None)
    elif isinstance(result, tuple | list):
        yield from ((f"output[{i}]", one) for i, one in enumerate(result) if one is not None)
    else:
        yield "output", result
