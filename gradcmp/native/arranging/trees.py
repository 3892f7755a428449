"""Containers of arrays, whatever their framework: leaves by dotted names, and put together again.

Dicts, lists, tuples and dataclasses are taken apart here, what JAX knows as a pytree (modules of
Equinox and Flax NNX, state of optax) by JAX, where somebody has imported it.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

from gradcmp.case import InputSpec

Build = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Tree:
    """A container of arrays.

    Attributes
    ----------
    leaves : mapping of str to array
        By dotted name, as in ``params.layers.0.w``. What is no array (a function, a number among a
        module's attributes, running statistics) is no leaf, and stays as it is.
    build : callable
        Puts other leaves of the same names together.
    """

    leaves: Mapping[str, Any]
    build: Build


def tree_of(name: str, given: Any) -> Tree | None:
    """Take a container of arrays apart; None of what is a single array, or numbers alone.

    Parameters
    ----------
    name : str
        What the names of the leaves begin with; empty for nothing.
    """
    if given is None:
        return Tree({}, _kept(None))
    if _is_single(given):
        return None
    for takes_apart in (_plain, _pytree, _record):
        found = takes_apart(name, given)
        if found is not None:
            return found
    return None


def _is_single(given: Any) -> bool:
    """Whether a value is one array: of a framework, or numbers of Python, nested or not."""
    if isinstance(given, list | tuple) and not hasattr(given, "_fields"):
        return all(map(_is_single, given)) and not any(map(_is_leaf, given))
    if isinstance(given, str):
        return ":" not in given  # no specification of an array
    return isinstance(given, Number | InputSpec)


def _is_leaf(given: Any) -> bool:
    """Whether a value is an array or tensor of numbers, or a specification of one."""
    if isinstance(given, str | InputSpec):
        return isinstance(given, InputSpec) or ":" in given
    is_array = hasattr(given, "shape") and hasattr(given, "dtype") and not isinstance(given, Number)
    return is_array and not str(given.dtype).startswith("key<")  # JAX's keys of random numbers


def _is_node(given: Any) -> bool:
    """Whether JAX knows it as a container, of a kind that is not Python's own."""
    jax = sys.modules.get("jax")
    return jax is not None and type(given) is not dict and not jax.tree_util.all_leaves([given])


def _joined(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)


def _plain(name: str, given: Any) -> Tree | None:
    if isinstance(given, Mapping) and not _is_node(given):

        def mapping(parts: list[Any]) -> dict[str, Any]:
            return dict(zip(given, parts, strict=True))

        return _nested(name, [*given], [*given.values()], mapping)
    if isinstance(given, tuple) and hasattr(given, "_fields"):
        return _nested(name, given._fields, given, lambda parts: type(given)(*parts))
    if isinstance(given, list | tuple):
        return _nested(name, range(len(given)), given, type(given))
    return None


def _nested(
    name: str, keys: Sequence[Any], values: Sequence[Any], build: Callable[[list[Any]], Any]
) -> Tree:
    """Return the tree of a container whose parts are arrays, numbers or containers again."""
    parts: list[Build] = []
    leaves: dict[str, Any] = {}
    for key, value in zip(keys, values, strict=True):
        own = _joined(name, key)
        inner = tree_of(own, value)
        if inner is not None:
            leaves |= inner.leaves
            parts.append(inner.build)
        elif _is_leaf(value) or isinstance(value, Number | list | tuple | str):
            leaves[own] = value
            parts.append(_taken(own))
        else:
            parts.append(_kept(value))
    return Tree(leaves, lambda given: build([part(given) for part in parts]))


def _taken(name: str) -> Build:
    return lambda given: given[name]


def _kept(value: Any) -> Build:
    return lambda given: value


def _pytree(name: str, given: Any) -> Tree | None:
    """Take apart what JAX knows as a container; its arrays alone are leaves."""
    if not _is_node(given):
        return None
    jax = sys.modules["jax"]
    values, structure = jax.tree.flatten(given)
    paths = jax.tree_util.tree_flatten_with_path(given, is_leaf=_is_variable)[0]
    own = [
        "" if _is_state(owner) or not _is_leaf(value) else _joined(name, ".".join(_keys(path)))
        for (path, owner), value in zip(paths, values, strict=True)
    ]

    def build(leaves: Mapping[str, Any]) -> Any:
        real = [leaves[one] for one in own if one and _is_real(leaves[one])]
        parts = [
            leaves[one]
            if one
            else value.astype(real[0].dtype)
            if real and _is_real(value)
            else value
            for one, value in zip(own, values, strict=True)
        ]
        return jax.tree.unflatten(structure, parts)

    return Tree({one: value for one, value in zip(own, values, strict=True) if one}, build)


def _is_real(value: Any) -> bool:
    """Whether it is an array of real numbers."""
    return hasattr(value, "astype") and "float" in str(value.dtype)


def _keys(path: Sequence[Any]) -> Iterator[str]:
    for key in path:
        for attribute in ("key", "idx", "name"):
            if hasattr(key, attribute):
                yield str(getattr(key, attribute))
                break


def _is_variable(value: Any) -> bool:
    """Whether it is a variable of Flax NNX, which holds one array."""
    return any(
        base.__name__ == "Variable" and base.__module__.startswith("flax.nnx")
        for base in type(value).__mro__
    )


def _is_state(value: Any) -> bool:
    """Whether it is such a variable that is no parameter: a running statistic, a counter."""
    return _is_variable(value) and all(base.__name__ != "Param" for base in type(value).__mro__)


def _record(name: str, given: Any) -> Tree | None:
    """Take a dataclass apart that no framework knows."""
    if not dataclasses.is_dataclass(given) or isinstance(given, type):
        return None
    found = [
        (one.name, value)
        for one in dataclasses.fields(given)
        if tree_of("", value := getattr(given, one.name)) is not None or _is_leaf(value)
    ]

    def build(parts: list[Any]) -> Any:
        made = copy.copy(given)
        for (field, _), part in zip(found, parts, strict=True):
            object.__setattr__(made, field, part)
        return made

    return _nested(name, [key for key, _ in found], [value for _, value in found], build)


def flat_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays of a dict, and of the containers in it, by dotted names."""
    found: dict[str, Any] = {}
    for name, one in given.items():
        tree = tree_of(name, one)
        found |= {name: one} if tree is None else tree.leaves
    return found
