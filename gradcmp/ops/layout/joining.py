"""Several arrays become one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gradcmp.ops.registry import register
from gradcmp.ops.shapes import common_kind, single_axis
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError


def _concat_infer(*arrays: ArraySpec, axis: int = 0) -> ArraySpec:
    if not arrays:
        raise ShapeError("there are no arrays to join")
    first = arrays[0].shape
    at = single_axis(axis, len(first))
    for spec in arrays:
        if len(spec.shape) != len(first) or any(
            n != m for i, (n, m) in enumerate(zip(spec.shape, first, strict=True)) if i != at
        ):
            raise ShapeError(f"shapes {first} and {spec.shape} differ beyond axis {axis}")
    joined = sum(spec.shape[at] for spec in arrays)
    return ArraySpec((*first[:at], joined, *first[at + 1 :]), common_kind(*arrays))


def concat(*arrays: Array, axis: int = 0) -> tuple[Array, Pullback]:
    """The arrays one after the other along an axis that they have.

    VJP: each array's own stretch of dy.
    """
    along = axis % np.ndim(arrays[0])
    ends = np.cumsum([0] + [np.shape(x)[along] for x in arrays]).tolist()

    def pullback(dy: Array) -> tuple[Array, ...]:
        before = (slice(None),) * along
        return tuple(dy[(*before, slice(start, end))] for start, end in pairwise(ends))

    return np.concatenate(arrays, axis=axis), pullback


register(
    Op(
        "concat",
        concat,
        infer=_concat_infer,
        native={
            "torch": lambda torch, *arrays, axis=0: torch.cat(arrays, dim=axis),
            "tensorflow": lambda tf, *arrays, axis=0: tf.concat(arrays, axis=axis),
            "jax": lambda jax, *arrays, axis=0: jax.numpy.concatenate(arrays, axis=axis),
        },
        examples=(
            Example("concat([x, y], axis=0)", {"x": (2, 3), "y": (1, 3)}),
            Example("concat([x, y, x], axis=-1)", {"x": (2, 1, 3), "y": (2, 1, 2)}),
            Example("concat(x, y)", {"x": (2,), "y": (0,)}),
        ),
    )
)


def _stack_infer(*arrays: ArraySpec, axis: int = 0) -> ArraySpec:
    if not arrays:
        raise ShapeError("there are no arrays to join")
    first = arrays[0].shape
    for spec in arrays:
        if spec.shape != first:
            raise ShapeError(f"shapes {first} and {spec.shape} differ")
    at = single_axis(axis, len(first) + 1)
    return ArraySpec((*first[:at], len(arrays), *first[at:]), common_kind(*arrays))


def stack(*arrays: Array, axis: int = 0) -> tuple[Array, Pullback]:
    """Arrays of one shape side by side along a new axis.

    VJP: each array's own slice of dy.
    """
    along = axis % (np.ndim(arrays[0]) + 1)

    def pullback(dy: Array) -> tuple[Array, ...]:
        return tuple(np.take(dy, i, axis=along) for i in range(len(arrays)))

    return np.stack(arrays, axis=axis), pullback


register(
    Op(
        "stack",
        stack,
        infer=_stack_infer,
        native={
            "torch": lambda torch, *arrays, axis=0: torch.stack(arrays, dim=axis),
            "tensorflow": lambda tf, *arrays, axis=0: tf.stack(arrays, axis=axis),
            "jax": lambda jax, *arrays, axis=0: jax.numpy.stack(arrays, axis=axis),
        },
        examples=(
            Example("stack([x, y])", {"x": (4, 3), "y": (4, 3)}),
            Example("stack([x, y, x], axis=-1)", {"x": (2, 3), "y": (2, 3)}),
            Example("stack([x, y], axis=1)", {"x": (2, 3), "y": (2, 3)}),
        ),
    )
)
