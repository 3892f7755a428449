"""What stands between the names of a case and those that one function of it knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gradcmp.errors import BackendError, InputError, did_you_mean
from gradcmp.native.arranging.places import pulled_back
from gradcmp.native.arranging.trees import Tree, flat_of
from gradcmp.native.calling import described
from gradcmp.native.outcome import Array

Values: TypeAlias = Mapping[str, Any]
Handed: TypeAlias = Mapping[str, str] | Callable[[dict[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class Arrangement:
    """How inputs, leaves of containers and parameters of the reference reach a function.

    Attributes
    ----------
    trees : mapping of str to Tree
        By argument, the container that its leaves are put together to.
    parameters : mapping or callable, optional
        What the function's own parameters are, by the names of the reference's, or made of them.
        None hands them over as they are.
    handed : tuple of str
        The parameters of the reference that are handed over.
    taps : mapping of str to str
        What taps are called in the other functions, by their names in this one.
    """

    trees: Mapping[str, Tree] = field(default_factory=dict)
    parameters: Handed | None = None
    handed: tuple[str, ...] = ()
    taps: Mapping[str, str] = field(default_factory=dict)

    def arguments(self, flat: Values) -> dict[str, Any]:
        """Return what a function takes; parameters that are handed over by names with dots."""
        leaves = {leaf: name for name, tree in self.trees.items() for leaf in tree.leaves}
        made: dict[str, Any] = {}
        for name, one in flat.items():
            argument = leaves.get(name)
            if argument is None and name not in self.handed:
                made[name] = one
            elif argument is not None and argument not in made:
                made[argument] = self.trees[argument].build(flat)
        empty = {n: tree.build(flat) for n, tree in self.trees.items() if not tree.leaves}
        return made | empty | self.own({name: flat[name] for name in self.handed})

    def own(self, handed: Values) -> dict[str, Any]:
        """Return a function's own parameters, made of the reference's.

        Raises
        ------
        InputError
            For a parameter that the reference does not have.
        BackendError
            Where the function that makes them returns something else.
        """
        if self.parameters is None or not handed:
            return dict(handed)
        if callable(self.parameters):
            found = self.parameters(dict(handed))
            if not isinstance(found, Mapping):
                raise BackendError(
                    f"{described(self.parameters)} returned '{type(found).__name__}'",
                    way_out="Return a dict of parameters",
                )
            return flat_of(found)
        for name in self.parameters.keys() - handed.keys():
            way_out = did_you_mean(name, handed) or f"It has {', '.join(handed)}"
            raise InputError(f"the reference has no parameter '{name}'", way_out=way_out)
        return {self.parameters.get(name, name): one for name, one in handed.items()}

    def back(self, gradients: Values, flat: Mapping[str, Array]) -> dict[str, Any]:
        """Return gradients by the names of the case, from those by what a function takes.

        Parameters
        ----------
        flat : mapping of str to array
            What it was called with, by the names of the case.

        Raises
        ------
        BackendError
            Where its parameters are more than those of the reference in another order.
        """
        found = {name: one for name, one in flat_of(gradients).items() if one is not None}
        if self.parameters is None or not self.handed:
            return found
        handed = {name: flat[name] for name in self.handed}
        kept = {n: one for n, one in found.items() if n in flat and n not in handed}
        return kept | pulled_back(self.own, handed, found)


AS_IT_IS = Arrangement()


def gathered(arguments: Values, names: Collection[str], any_name: bool = False) -> dict[str, Any]:
    """Return arguments with dicts for names with dots, where a function takes the first part.

    Parameters
    ----------
    names : collection of str
        Of the arguments that it takes.
    any_name : bool
        Whether it takes others as they are (``**parameters``).
    """
    made: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, one in arguments.items():
        first, dot, rest = name.partition(".")
        if not dot or (any_name and first not in names):
            made[name] = one
        else:
            inner.setdefault(first, {})[rest] = one
    return made | {first: _nested(rest) for first, rest in inner.items()}


def _nested(flat: Values) -> Any:
    """Return dicts in dicts; a list where the names are numbers from 0 on."""
    parts = gathered(flat, ())
    numbered = [str(i) for i in range(len(parts))]
    return [parts[i] for i in numbered] if parts.keys() == {*numbered} else parts
