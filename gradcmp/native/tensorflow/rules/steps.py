"""Operations that make a step and are no comparison: here a run takes its branches, too."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gradcmp.native.noisy.branches import Fork
from gradcmp.native.noisy.steps import left_over, quotient, table_of, taken_off, whole
from gradcmp.native.outcome import Array
from gradcmp.native.tensorflow.rules.rule import Context, Rule, numbers, table, tensor_of
from gradcmp.native.tensorflow.stream import Operation, Tensor, Tensors, is_wide

ROUNDED = {"Floor": np.floor, "Ceil": np.ceil, "Rint": np.rint, "Round": np.rint}
DOWN = {"FloorDiv": np.floor, "TruncateDiv": np.trunc, "FloorMod": np.floor}


def _whole(context: Context, operation: Operation) -> Tensors:
    (y,), (x,) = operation.run(), operation.inputs
    if not is_wide(x):
        return [y]
    rounded = ROUNDED[operation.name]
    fork = whole(np, numbers(x), numbers(y), rounded, halves=rounded is np.rint)
    return [tensor_of(context.branches.decide(fork), y)]


def _quotient(context: Context, operation: Operation) -> Tensors:
    (count,), (x, y) = operation.run(), operation.inputs
    if not is_wide(x):
        return [count]
    u, down = context.rounding.u, DOWN[operation.name]
    fork = quotient(np, numbers(x), numbers(y), numbers(count), down, u)
    taken = context.branches.decide(fork)
    kept = context.rounding.representable(taken)
    rounded = taken if kept.all() else np.where(kept, taken, context.rounding.jitter(taken, 1.0))
    return [tensor_of(rounded, count)]


def _remainder(context: Context, operation: Operation) -> Tensors:
    (rest,), (x, y) = operation.run(), map(numbers, operation.inputs)
    if not is_wide(rest):
        return [rest]
    u, down = context.rounding.u, DOWN.get(operation.name, np.trunc)
    count = taken_off(np, x, y, numbers(rest))
    taken = context.branches.decide(quotient(np, x, y, count, down, u))
    return [tensor_of(left_over(np, numbers(rest), y, count - taken), rest)]


def _cast(context: Context, operation: Operation) -> Tensors:
    """What makes whole numbers of real ones cuts them down, and what makes truth values asks."""
    (y,), (x,) = operation.run(), operation.inputs
    if not is_wide(x) or y.dtype.is_floating or y.dtype.is_complex:
        return [y]
    value, found = numbers(x), numbers(y)
    if y.dtype == tf.bool:
        fork = Fork(found, operands=(value, 0.0))
    else:
        fork = whole(np, value, found, lambda one: one.astype(found.dtype))
    return [tensor_of(context.branches.decide(fork), y)]


def _place(context: Context, operation: Operation) -> Tensors:
    """`LowerBound` and `UpperBound`: rows of values in rows of sorted numbers."""
    (y,), (rows, values) = operation.run(), operation.inputs
    if not is_wide(rows) or not rows.shape[-1]:
        return [y]
    return [_looked_up(context, operation, numbers(rows), numbers(values), y)]


def _bucket(context: Context, operation: Operation) -> Tensors:
    (y,), (values,) = operation.run(), operation.inputs
    bounds = np.array([operation.attributes["boundaries"]], np.float64)
    if not is_wide(values) or not bounds.size:
        return [y]
    return [_looked_up(context, operation, bounds, numbers(values).reshape(1, -1), y)]


def _looked_up(
    context: Context, operation: Operation, rows: Array, values: Array, y: Tensor
) -> Tensor:
    places, table = numbers(y).reshape(values.shape), table_of(rows)
    nearest = context.once(operation, lambda: table.nearest(values, places))
    return tensor_of(context.branches.decide(table.jump(values, places, nearest)), y)


RULES: dict[str, Rule] = table(
    {
        "Floor Ceil Rint Round": _whole,
        "FloorDiv TruncateDiv": _quotient,
        "FloorMod Mod TruncateMod": _remainder,
        "LowerBound UpperBound": _place,
        "Bucketize": _bucket,
        "Cast": _cast,
    }
)
