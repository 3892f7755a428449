"""Values inside of a run and their gradients: taps, and what modules return."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gradcmp.backends.torch import to_tensor
from gradcmp.dtypes.arrays import Array
from gradcmp.native.taps import Counted
from gradcmp.native.torch.subject import Tensor

PLAIN = (np.dtype(np.float64), np.dtype(np.float32))  # what torch reads where it lies


class Watcher:
    """Takes note of tensors by name; hooks on them take note of their gradients.

    A tensor that is changed in place later keeps the value and the gradient that it had here. What
    is computed without a graph and again in the backward pass, as reversible layers and reentrant
    checkpoints do, has its gradient from there.

    Attributes
    ----------
    values : dict of str to tensor
        In the order in which they were met.
    roots : dict of str to tensor
        What came to taps that hand on something else, as it was then: the pass ends there, and
        begins anew.

    Parameters
    ----------
    instead : mapping of str to tensor, optional
        What some taps hand on: leaves, whose gradients `take` is told.
    """

    def __init__(
        self,
        module: Any,
        called: Mapping[str, str] | None = None,
        instead: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._module = module
        self._name, self._again = Counted(called), Counted(called)
        self._backward = False
        self._untold: set[str] = set()
        self._instead = instead or {}
        self.roots: dict[str, Tensor] = {}
        self._begun: dict[str, Tensor] = {}
        self._arrived: dict[str, Tensor] = {}
        self._gradients: dict[str, Tensor] = {}
        self.values: dict[str, Tensor] = {}

    def note(self, name: str, tensor: Tensor) -> Tensor:
        """Take note of one tensor, and return what goes on; what is no real tensor has no tap."""
        if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
            return tensor
        if self._backward:
            return self._met_again(name, tensor)
        own = self._name(name)
        self.values[own] = tensor.detach().clone()
        if not tensor.requires_grad:  # a constant, or cut off: zero is not the derivative by it
            self._untold.add(own)
        if own in self._instead:
            if tensor.requires_grad:
                tensor.register_hook(_kept(self._arrived, own))
                self.roots[own] = tensor.clone()  # it may be changed in place
                self.roots[own].register_hook(_kept(self._begun, own))
            return self._instead[own].to(tensor).clone()  # it may be changed in place
        if tensor.requires_grad:
            tensor.register_hook(_kept(self._gradients, own))
        return tensor

    def turn(self) -> None:
        """Begin the backward pass."""
        self._backward = True

    def _met_again(self, name: str, tensor: Tensor) -> Tensor:
        """Take the gradient of what had no graph; of several of a name nobody knows which it is."""
        own = self._again(name)
        if own in self._untold and tensor.requires_grad and self._name.times(name) == 1:
            tensor.register_hook(_kept(self._gradients, own))
        return tensor

    def take(self, gradients: Mapping[str, Tensor | None]) -> None:
        """Take the gradients of what taps have handed on."""
        found = {name: gradients.get(name) for name in self.values if name in self._instead}
        self._gradients |= {name: one for name, one in found.items() if one is not None}

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """Take note of what each module inside of the watched one returns."""
        with ExitStack() as stack:
            for name, module in self._module.named_modules() if self._module else ():
                if name:  # what the module itself returns is an output
                    stack.callback(module.register_forward_hook(self._hook(name)).remove)
            yield

    def _hook(self, name: str) -> Callable[[Any, Any, Any], Any]:
        def note(module: Any, inputs: Any, output: Any) -> Any:
            if isinstance(output, torch.Tensor):
                return self.note(name, output)
            if isinstance(output, Mapping):
                parts = {key: self.note(f"{name}.{key}", one) for key, one in output.items()}
                return _with(output, parts)
            if isinstance(output, tuple | list):
                several = [self.note(f"{name}.{i}", one) for i, one in enumerate(output)]
                return _with(output, several)
            return None

        return note

    def pairs(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Return value and gradient of each, zeros where none arrived; None where none is told."""
        none = {
            name: None if name in self._untold else torch.zeros_like(value)
            for name, value in self.values.items()
        }
        return {
            name: (value, self._gradients.get(name, none[name]))
            for name, value in self.values.items()
        }

    def silent(self) -> frozenset[str]:
        """Return the names of those that a gradient could arrive at, and none did."""
        return frozenset(self.values.keys() - self._gradients.keys() - self._untold)

    def bypassed(self) -> frozenset[str]:
        """Return the names of those that more arrives at than begins there: they are used as well.

        One contribution alone is handed on bit by bit.
        """
        return frozenset(
            name
            for name, arrived in self._arrived.items()
            if name not in self._begun or not _same(arrived, self._begun[name])
        )


def _kept(gradients: dict[str, Tensor], name: str) -> Callable[[Tensor], None]:
    def note(gradient: Tensor) -> None:
        gradients[name] = gradient.detach().clone()

    return note


def _with(output: Any, parts: Any) -> Any:
    """Return what a module returned with other parts; None, which leaves it, where none differs."""
    names = [*output] if isinstance(output, Mapping) else [*range(len(output))]
    if all(parts[name] is output[name] for name in names):
        return None
    if isinstance(output, Mapping):
        made: Any = copy.copy(output)
        for name in names:
            made[name] = parts[name]
        return made
    return output._make(parts) if hasattr(output, "_make") else type(output)(parts)


@dataclass(frozen=True)
class Pass:
    """What one forward and backward pass left in torch.

    Attributes
    ----------
    given, upstream : mapping of str to tensor
        Inputs as the function was handed them, and cotangents; both may have been changed.
    versions, before
        What they were.
    """

    values: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor | None]
    leaves: Mapping[str, Tensor]
    watcher: Watcher
    given: Mapping[str, Tensor]
    versions: Mapping[str, int]
    upstream: Mapping[str, Tensor]
    before: Mapping[str, tuple[int, Tensor]]
    random: bool

    def changed(self, inputs: Mapping[str, Array], noisy: bool) -> frozenset[str]:
        """Return the inputs and cotangents that are no longer what was handed over.

        Parameters
        ----------
        noisy : bool
            Whether inputs were given noise, which is nobody's change.
        """
        found = {
            name
            for name, one in self.given.items()
            if one._version != self.versions[name] or not (noisy or _alike(one, inputs[name]))
        }
        kept = {name: _untouched(self.upstream[name], *was) for name, was in self.before.items()}
        return frozenset(found | {f"d {name}" for name, same in kept.items() if not same})


def _alike(tensor: Tensor, array: Array) -> bool:
    """Whether an input still is what was handed over: NumPy may write into it unseen."""
    plain = array.flags.c_contiguous and array.flags.writeable and array.dtype in PLAIN
    held = torch.from_numpy(array) if plain else to_tensor(array, "cpu")
    fresh = held.to(tensor.dtype)
    return _same(fresh, tensor.detach().cpu())


def _untouched(tensor: Tensor, version: int, before: Tensor) -> bool:
    """Whether a cotangent still is what it was: a kernel may write into it unseen."""
    return tensor._version == version and _same(tensor, before)


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same numbers; most have no NaN that would need a second look."""
    return bool(torch.equal(one, other) or torch.equal(one.nan_to_num(), other.nan_to_num()))
