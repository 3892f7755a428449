"""What a noise rule is, and how it reads the operation that it was called for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

import tensorflow as tf

from gradcmp.native.noisy.branches import Branches
from gradcmp.native.outcome import Array
from gradcmp.native.tensorflow.rounding import Rounding
from gradcmp.native.tensorflow.stream import Operation, Tensor, Tensors, is_wide


class Context(Protocol):
    """What a rule sees of the run that it is a part of."""

    rounding: Rounding
    branches: Branches

    def inside(self) -> AbstractContextManager[Any]:
        """Return a context in which operations stand for the one at hand, each with its error."""

    def once(self, operation: Operation, compute: Callable[[], Any]) -> Any:
        """Return what is the same in all runs but for their noise, from the one without."""

    def name_unruled(self, name: str) -> None:
        """Take note of an operation that has no rule."""


Rule: TypeAlias = Callable[[Context, Operation], Tensors]


def words(names: str) -> list[str]:
    """Return names with blanks between them, one by one."""
    return names.split()


def table(entries: dict[str, Rule]) -> dict[str, Rule]:
    """Return the rule of each operation, from names with blanks between them."""
    return {name: rule for names, rule in entries.items() for name in words(names)}


def numbers(tensor: Tensor) -> Array:
    """Return a tensor as NumPy has it, without a copy on the CPU: it may not be written into."""
    array: Array = tensor.numpy()
    return array


def tensor_of(array: Array, like: Tensor) -> Tensor:
    """Return an array as a tensor of the same shape."""
    return tf.constant(array, like.dtype, like.shape)


def moved(operation: Operation, change: Callable[[Tensor], Tensor]) -> Tensors:
    """Return the operands, those of float64 changed."""
    return [change(one) if is_wide(one) else one for one in operation.inputs]
