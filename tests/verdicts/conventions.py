"""Another convention at ties, for each op: the same functions, and derivatives as lawful.

Each op chooses one branch, or shares out, for all its ties alike; the choices of a graph are made
op by op, as frameworks do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcmp.ops.primitives import expand, unbroadcast
from gradcmp.ops.registry import OPS

Reference = Callable[..., Any]


def stepping(value: Callable[[Any], Any], slope: Callable[[Any], Any], at_zero: float) -> Reference:
    """Return an op of one operand whose slope jumps at 0."""

    def reference(x: Any) -> Any:
        slopes = np.where(x == 0, at_zero, slope(x)).astype(x.dtype)
        return value(x), lambda dy: (dy * slopes,)

    return reference


def choosing(larger: bool, share: float) -> Reference:
    """Return maximum or minimum, of which the first operand has a share of ties."""
    choose = np.maximum if larger else np.minimum

    def reference(x: Any, y: Any) -> Any:
        wins = x > y if larger else x < y
        weight = np.where(x == y, share, wins).astype(np.result_type(x, y))
        return choose(x, y), lambda dz: (
            unbroadcast(dz * weight, x),
            unbroadcast(dz * (1 - weight), y),
        )

    return reference


def picking(extreme: Callable[..., Any], last: bool) -> Reference:
    """Return max or min along an axis, whose first or last tied element has all."""

    def reference(x: Any, axis: int, keepdims: bool = False) -> Any:
        y = extreme(x, axis=axis, keepdims=keepdims)
        best = x == expand(y, axis, x.ndim)
        order = np.flip(best, axis) if last else best
        first = np.cumsum(order, axis) == 1
        chosen = (np.flip(first, axis) if last else first) & best
        return y, lambda dy: (np.where(chosen, expand(dy, axis, x.ndim), 0).astype(x.dtype),)

    return reference


def draw(rng: np.random.Generator) -> dict[str, Reference]:
    """Draw a convention for every op that branches."""
    return {
        "relu": stepping(lambda x: np.where(x > 0, x, 0), lambda x: x > 0, rng.choice([0, 0.5, 1])),
        "abs": stepping(np.abs, np.sign, rng.choice([-1, 0, 1])),
        "maximum": choosing(True, rng.choice([0, 0.5, 1])),
        "minimum": choosing(False, rng.choice([0, 0.5, 1])),
        "max": picking(np.max, bool(rng.integers(2))),
        "min": picking(np.min, bool(rng.integers(2))),
    }


@contextmanager
def held(convention: Mapping[str, Reference]) -> Iterator[None]:
    """Let the ops have another convention for a while."""
    before = {name: OPS[name].reference for name in convention}
    try:
        for name, reference in convention.items():
            wrapped = functools.wraps(before[name])(reference)
            object.__setattr__(OPS[name], "reference", wrapped)
        yield
    finally:
        for name, reference in before.items():
            object.__setattr__(OPS[name], "reference", reference)


ONE = ("relu({})", "abs({})", "max({}, axis=1, keepdims=True)", "min({}, axis=0, keepdims=True)")
SMOOTH = ("({} * 2)", "({} - 1)", "(-{})", "tanh({})")
TWO = ("maximum({}, {})", "minimum({}, {})", "({} + {})", "({} - {})", "({} * {})")


def expression(rng: np.random.Generator, depth: int) -> str:
    """Draw an expression in x and z."""
    if not depth:
        return str(rng.choice(["x", "z"]))
    if rng.random() < 0.5:
        table = ONE if rng.random() < 0.6 else SMOOTH
        return str(rng.choice(table)).format(expression(rng, depth - 1))
    other = expression(rng, int(rng.integers(0, depth)))
    return str(rng.choice(TWO)).format(expression(rng, depth - 1), other)
