"""A function of the user that takes everything by the names of its case."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gradcmp.errors import InputError
from gradcmp.native.arranging.arrangement import AS_IT_IS, Arrangement, Values, gathered
from gradcmp.native.arranging.trees import Tree, tree_of
from gradcmp.native.calling import by_place, described, require_names


@dataclass(frozen=True)
class Arranged:
    """A function called with inputs, leaves of containers and parameters by name.

    Attributes
    ----------
    function : callable
        As the user names it.
    own : Tree, optional
        The object that it is, or is a method of, where that holds arrays: a module.
    """

    function: Callable[..., Any]
    arrangement: Arrangement = AS_IT_IS
    own: Tree | None = None

    @classmethod
    def of(cls, function: Callable[..., Any], arrangement: Arrangement | None = None) -> Arranged:
        """Return a function with the arrays that its own object holds."""
        own = tree_of("", getattr(function, "__self__", function))
        holds = own if own is not None and own.leaves else None
        return cls(function, arrangement or AS_IT_IS, holds)

    @classmethod
    def brings_parameters(cls, function: Callable[..., Any]) -> bool:
        """Whether a function is, or is a method of, what holds arrays of its own."""
        target = getattr(function, "__self__", function)
        if hasattr(target, "named_parameters") or hasattr(target, "trainable_variables"):
            return True
        return cls.of(function).own is not None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The arrays that it brings itself; none where those of the reference are handed over."""
        replaced = self.own is None or self.arrangement.parameters is not None
        return {} if self.own is None or replaced else self.own.leaves

    @cached_property
    def arguments(self) -> tuple[str, ...] | None:
        """The names that it takes; None for any."""
        return arguments_of(self.function)

    def require(self, flat: Values) -> None:
        """Refuse names that it does not take, as far as they are known before it is called.

        Raises
        ------
        InputError
            For one that it does not know.
        """
        if self.arrangement.parameters is None:
            given = {name: one for name, one in flat.items() if name not in self.parameters}
            require_names(self.function, self._gathered(self.arrangement.arguments(given)))

    def __call__(self, **flat: Any) -> Any:
        """Call it.

        Raises
        ------
        InputError
            Where it is handed a parameter that it does not take, or not all of its own.
        """
        arguments = self.arrangement.arguments(flat)
        function = self.function
        if self.own is not None:
            function = self._with({n: arguments.pop(n) for n in self.own.leaves if n in arguments})
        gathered = self._gathered(arguments)
        require_names(self.function, gathered)
        return by_place(function, gathered)

    def _gathered(self, arguments: Values) -> dict[str, Any]:
        return gathered(arguments, self.arguments or (), self.arguments is None)

    def _with(self, leaves: Values) -> Callable[..., Any]:
        """Return it with its arrays replaced."""
        assert self.own is not None
        for name in self.own.leaves.keys() - leaves.keys():
            raise InputError(f"parameter '{name}' of {described(self.function)} is not handed over")
        made: Callable[..., Any] = self.own.build(leaves)
        if hasattr(self.function, "__self__"):
            method = getattr(self.function, "__func__", self.function)
            made = getattr(made, method.__name__)
        return made


def arguments_of(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """Return the names that a function takes: None for any, none where nobody knows."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return ()
    if any(one.kind is one.VAR_KEYWORD for one in known.values()):
        return None
    return tuple(name for name, one in known.items() if one.kind is not one.VAR_POSITIONAL)
