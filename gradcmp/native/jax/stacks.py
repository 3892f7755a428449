"""What the interpreter computes with: arrays, and stacks of replicas of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from gradcmp.judge.noise.model import METHODS, NoiseModel, NoisyArray, Stack, align
from gradcmp.judge.noise.rules import arithmetic  # noqa: F401  its rules register themselves

Value: TypeAlias = Any  # a NoisyArray, or a plain array of what has no noise
Move: TypeAlias = Callable[..., Stack]


def is_noisy(value: Value) -> bool:
    """Whether it has replicas."""
    return isinstance(value, NoisyArray)


def stack(value: Value) -> Stack:
    """Return it with a leading axis: of its replicas, or of length 1."""
    return value.stack if isinstance(value, NoisyArray) else np.asarray(value)[None]


def base(value: Value) -> Any:
    """Return it without replicas."""
    return value.stack[0] if isinstance(value, NoisyArray) else np.asarray(value)


def like(model: NoiseModel, found: Stack, *sources: Value) -> Value:
    """Return a stack as a value: with replicas where one of its sources has some."""
    return NoisyArray(found, model) if any(map(is_noisy, sources)) else found[0]


def moved(model: NoiseModel, move: Move, *values: Value) -> Value:
    """Move numbers without computing any; `move` sees a leading axis."""
    length = max(len(stack(value)) for value in values)
    several = len(values) > 1
    held = [
        np.broadcast_to(one, (length, *one.shape[1:])) if several else one
        for one in map(stack, values)
    ]
    return like(model, move(*held), *values)


def computed(
    model: NoiseModel, function: Callable[..., Any], kappa: float | None, *values: Value
) -> Value:
    """Compute element by element, with the error of `kappa` units roundoff.

    None leaves it to the rules that graphs have.
    """
    if not any(map(is_noisy, values)):
        return np.asarray(function(*values))
    if kappa is None:
        return METHODS["__call__"](model, function, *values)
    with np.errstate(all="ignore"):
        return model.approximate(np.array(function(*align(values, model))), kappa)
