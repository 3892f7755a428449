"""What a user hands over: a function, an `autograd.Function`, a module or a method of one."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import torch

from gradcmp.errors import BackendError, InputError, did_you_mean
from gradcmp.native.arranging.arrangement import AS_IT_IS, Arrangement, gathered
from gradcmp.native.calling import described, nameable

Tensor: TypeAlias = Any
Call: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Subject:
    """A callable of the user, to be called by the names of its inputs.

    Attributes
    ----------
    function : callable
        As the user names it.
    arrangement : Arrangement
        How inputs and parameters of the reference reach it.
    """

    function: Call
    arrangement: Arrangement = AS_IT_IS

    @cached_property
    def module(self) -> Any:
        """The `nn.Module` that it is, or that it is a method of; else None."""
        for one in (self.function, getattr(self.function, "__self__", None)):
            if isinstance(one, torch.nn.Module):
                return one
        return None

    @cached_property
    def parameters(self) -> dict[str, Tensor]:
        """The module's parameters by their qualified names: further inputs.

        None where those of the reference are handed over.
        """
        replaced = self.module is None or self.arrangement.parameters is not None
        return {} if replaced else dict(self.module.named_parameters())

    @property
    def frozen(self) -> set[str]:
        """The parameters that the user has frozen."""
        return {name for name, one in self.parameters.items() if not one.requires_grad}

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """The names that it takes: None for any, none where it has none."""
        known = () if self._signature is None else self._signature.parameters.values()
        if any(one.kind is one.VAR_KEYWORD for one in known):
            return None
        return tuple(one.name for one in known)

    def fresh(self) -> Subject:
        """Return the same with a module of its own: statistics and caches of a run stay there."""
        if self.module is None:
            return self
        module = copy.deepcopy(self.module)
        if self.function is self.module:
            return replace(self, function=module)
        return replace(self, function=getattr(module, self.function.__name__))

    @cached_property
    def _signature(self) -> inspect.Signature | None:
        """The names that it takes; None where it has none: written in C, or any number."""
        function, skipped = self.function, 0
        if isinstance(function, torch.nn.Module):
            function = function.forward
        elif self.is_apply:
            owner = function.__self__  # type: ignore[attr-defined]
            function = owner.forward
            skipped = int(owner.setup_context is torch.autograd.Function.setup_context)  # ctx
        try:
            taken = [*inspect.signature(function).parameters.values()][skipped:]
        except (TypeError, ValueError):
            return None
        if any(one.kind is one.VAR_POSITIONAL for one in taken):
            return None
        return inspect.Signature([nameable(one) for one in taken])

    @property
    def is_apply(self) -> bool:
        """Whether it is the `apply` of an `autograd.Function`, which takes no names."""
        owner = getattr(self.function, "__self__", None)
        return isinstance(owner, type) and issubclass(owner, torch.autograd.Function)

    def call(
        self, tensors: Mapping[str, Tensor], through: Callable[[Call], Call] = lambda own: own
    ) -> Any:
        """Call it with its inputs, by name where it has names and in their order elsewhere.

        Parameters
        ----------
        through : callable
            Makes what is called in its place.
        """
        arguments = self.arrangement.arguments(tensors)
        function = through(self._with(self._taken_out_of(arguments)))
        if self._signature is None:
            return function(*arguments.values())
        names = self.arguments
        bound = self._bind(gathered(arguments, names or (), names is None))
        return function(*bound.args, **bound.kwargs)

    def _with(self, own: Mapping[str, Tensor]) -> Call:
        """Return it with the parameters of its module replaced."""
        if not own:
            return self.function
        called = self.module if self.function is self.module else _Method(self.function)
        prefix = "" if called is self.module else "module."
        held = {prefix + name: one for name, one in own.items()}
        return lambda *args, **kwargs: torch.func.functional_call(called, held, args, kwargs)

    def _taken_out_of(self, arguments: dict[str, Any]) -> dict[str, Tensor]:
        """Take the module's parameters out of what it is handed; none where it keeps its own."""
        if self.module is None or self.arrangement.parameters is None:
            return {}
        needed = [name for name, _ in self.module.named_parameters()]
        held = [*needed, *(name for name, _ in self.module.named_buffers())]
        for name in needed:
            if name not in arguments:
                what = described(self.function)
                raise InputError(f"parameter '{name}' of {what} is not handed over")
        return {name: arguments.pop(name) for name in held if name in arguments}

    def _bind(self, tensors: Mapping[str, Tensor]) -> inspect.BoundArguments:
        signature = self._signature
        assert signature is not None
        names, what = signature.parameters, described(self.function)
        if not any(one.kind is one.VAR_KEYWORD for one in names.values()):
            for name in tensors.keys() - names.keys():
                way_out = did_you_mean(name, names) or f"Its inputs are {', '.join(names)}"
                raise InputError(f"{what} takes no '{name}'", way_out=way_out)
        try:
            bound = signature.bind(**tensors)
        except TypeError as error:
            raise InputError(f"{what}: {error}", way_out="Name it among the inputs") from None
        if self.is_apply:
            bound.apply_defaults()
        return bound


class _Method(torch.nn.Module):  # type: ignore[misc]
    """A method of a module, called as a module."""

    def __init__(self, method: Call) -> None:
        super().__init__()
        self.module = method.__self__  # type: ignore[attr-defined]
        self._name = method.__name__

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return getattr(self.module, self._name)(*args, **kwargs)


def named_outputs(result: Any, function: Call) -> dict[str, Tensor]:
    """Return the tensors that a function returned, by name.

    Raises
    ------
    BackendError
        Where something else was returned, or no tensor at all.
    """
    what = described(function)
    outputs = dict(_walk(result))
    if not outputs or result is None:
        raise BackendError(
            f"{what} returned {_kind(result)}", way_out="Return a tensor, a tuple or a dict of them"
        )
    for name, one in outputs.items():
        if not isinstance(one, torch.Tensor):
            raise BackendError(
                f"{what} returned {_kind(one)} as '{name}'",
                way_out="Return a tensor, a tuple or a dict of them",
            )
        if one.is_complex():
            raise BackendError(
                f"{what} returned complex numbers as '{name}'",
                way_out="Return their real and imaginary parts",
            )
    return outputs


def _walk(result: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(result, Mapping):
        for key, one in result.items():
            yield from _walk(one, f"{name}.{key}" if name else str(key))
    elif isinstance(result, Sequence) and not isinstance(result, str):
        for place, one in enumerate(result):
            yield from _walk(one, f"{name or 'output'}[{place}]")
    elif result is not None or not name:
        yield name or "output", result


def _kind(value: Any) -> str:
    return "None" if value is None else f"'{type(value).__name__}'"
