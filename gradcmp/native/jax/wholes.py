"""Functions of `jax.numpy` that are taken as a whole, each a program within the program.

Replicas would lose their way within them. `searchsorted` halves a range by comparing with numbers
that it looks up, and where it looks replicas follow the run without noise: one that a near tie has
sent to the other half would go on comparing with numbers of this half, and end anywhere. But a
place jumps by one, at the number next to the value. `floor_divide` rounds twice what has jumped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from gradcmp.judge.noise.model import NoiseModel, NoisyArray, Stack
from gradcmp.judge.noise.rules.decisions import either
from gradcmp.native.jax.stacks import Value, base, computed, is_noisy, stack
from gradcmp.native.noisy.steps import table_of

Inside: TypeAlias = Callable[[list[Value]], list[Value]]

COUNTING: Mapping[str, tuple[np.ufunc, ...]] = {
    "floor_divide": (np.floor_divide,),
    "divmod": (np.floor_divide, np.remainder),
}


def taken_whole(
    model: NoiseModel,
    eqn: Any,
    operands: Sequence[Value],
    enter: Callable[[Value], Value],
    run: Inside,
) -> list[Value] | None:
    """Return what a program gives that is called as one of these functions, if it is one.

    Parameters
    ----------
    enter : callable
        What a comparison sees of an operand.
    run : callable
        Runs the program: without noise it must give the same.
    """
    name, kinds = eqn.params.get("name"), {one.aval.dtype.kind for one in eqn.outvars}
    if not any(map(is_noisy, operands[:2])):
        return None
    if name == "searchsorted" and kinds == {"i"} and len(eqn.outvars) == 1:
        (places,) = run([*map(base, operands)])
        numbers, values, *sorter = operands
        found = searched(model, [enter(numbers), enter(values), *sorter], places)
        return None if found is None else [found]
    if name in COUNTING and len(eqn.outvars) == len(COUNTING[name]) and not kinds & set("iub"):
        known = run([*map(base, operands)])
        ours = [ufunc(*map(base, operands)) for ufunc in COUNTING[name]]
        if all(np.array_equal(*pair, equal_nan=True) for pair in zip(known, ours, strict=True)):
            return [
                _settled(model, computed(model, one, None, *operands)) for one in COUNTING[name]
            ]
    return None


def _settled(model: NoiseModel, value: Value) -> Value:
    return NoisyArray(model.settled(value.stack), model)


def searched(model: NoiseModel, operands: Sequence[Value], places: Any) -> Value | None:
    """Return the places of values among sorted numbers, where replicas take either near a jump.

    Parameters
    ----------
    operands : sequence
        The numbers, the values, and maybe what sorts the numbers.
    places : array
        What the run without noise has found. Where that is no search, None is returned.
    """
    rows = _in_rows(*operands, places=places)
    if rows is None:
        return None
    numbers, values = rows
    known = places.reshape(values.shape[1:])

    table = table_of(numbers[0])
    if not np.any([known == table.place(values[0], right) for right in (False, True)], 0).all():
        return None
    nearest = table.nearest(values[0], known)
    before, after = table.jump(values[0], known, nearest).sides
    at = np.broadcast_to(nearest, (len(numbers), *nearest.shape))
    beside = np.take_along_axis(numbers, at, -1)
    distance = values - beside
    found = np.where(distance > 0, after, np.where(distance < 0, before, known))
    found = either(model, distance, found, (after, before))
    return NoisyArray(found.reshape(len(found), *places.shape).astype(places.dtype), model)


def _in_rows(
    numbers: Value, values: Value, sorter: Value | None = None, *, places: Any
) -> tuple[Stack, Stack] | None:
    """Return stacks of rows of numbers, and of the values that are looked for in each."""
    held, asked = stack(numbers), stack(values)
    if sorter is not None and held.ndim == 2:
        held = held[:, base(sorter)]
    lead = held.shape[1:-1]
    if asked.shape[1:] != places.shape:  # the same values in several rows
        asked = asked.reshape(len(asked), *(1,) * len(lead), *asked.shape[1:])
    if (
        (sorter is not None and lead)
        or lead != places.shape[: len(lead)]
        or not (places.size and held.shape[-1])
        or asked.ndim != places.ndim + 1
    ):
        return None
    asked = np.broadcast_to(asked, (len(asked), *places.shape))
    count = math.prod(lead)
    return held.reshape(len(held), count, -1), asked.reshape(len(asked), count, -1)
