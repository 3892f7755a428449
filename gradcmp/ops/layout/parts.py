"""Parts of an array: one of several pieces, a triangle, a copy that passes no gradient on."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np

from gradcmp.ops.layout.gathering import require_indices
from gradcmp.ops.primitives import zeros
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import single_axis
from gradcmp.ops.spec import Array, ArraySpec, Example, Integers, Op, Pullback, ShapeError
from gradcmp.ops.static import require_int, require_ints

Parts: TypeAlias = "int | tuple[int, ...]"


def _lengths(parts: Parts, n: int) -> tuple[int, ...]:
    """Return the length of each part of an axis of length n."""
    return parts if isinstance(parts, tuple) else (n // parts,) * parts


def _split_infer(x: ArraySpec, parts: Parts, index: int, axis: int = 0) -> ArraySpec:
    at = single_axis(axis, len(x.shape))
    n = x.shape[at]
    if isinstance(parts, tuple):
        require_ints("parts", parts, low=0)
        if sum(parts) != n:
            raise ShapeError(
                f"parts {parts} add up to {sum(parts)}, not to {n}, the length of axis {axis}"
            )
    else:
        require_int("parts", parts, 1)
        if n % parts:
            raise ShapeError(f"axis {axis} has length {n}, and {parts} equal parts do not fit")
    lengths = _lengths(parts, n)
    require_int("index", index, 0)
    if index >= len(lengths):
        raise ShapeError(f"index is {index}, and the last part is number {len(lengths) - 1}")
    return ArraySpec((*x.shape[:at], lengths[index], *x.shape[at + 1 :]), x.kind)


def split(x: Array, parts: Parts, index: int, axis: int = 0) -> tuple[Array, Pullback]:
    """Part `index` of x, cut along `axis` into so many equal `parts`, or `parts` of such lengths.

    A node is one array with one gradient, so that each part is a node: the first is part 0. A
    number is of parts, as in NumPy, TensorFlow and JAX (torch: their length); a tuple has their
    lengths, as in torch and TensorFlow (NumPy and JAX: where to cut).

    VJP: dx = dy where the part was, else 0.
    """
    along = axis % np.ndim(x)
    ends = [0, *accumulate(_lengths(parts, np.shape(x)[along]))]
    start, stop = ends[index], ends[index + 1]
    before = (slice(None),) * along
    shape = np.shape(x)

    def pullback(dy: Array) -> tuple[Array]:
        ahead, behind = (
            zeros(dy, (*shape[:along], n, *shape[along + 1 :])) for n in (start, ends[-1] - stop)
        )
        return (np.concatenate([ahead, dy, behind], axis=along),)

    return x[(*before, slice(start, stop))], pullback


def _split_torch(torch: Any, x: Any, parts: Parts, index: int, axis: int = 0) -> Any:
    size = list(parts) if isinstance(parts, tuple) else x.shape[axis] // parts
    return torch.split(x, size, dim=axis)[index]


def _split_tensorflow(tf: Any, x: Any, parts: Parts, index: int, axis: int = 0) -> Any:
    return tf.split(x, list(parts) if isinstance(parts, tuple) else parts, axis=axis)[index]


def _split_jax(jax: Any, x: Any, parts: Parts, index: int, axis: int = 0) -> Any:
    cuts = [*accumulate(parts[:-1])] if isinstance(parts, tuple) else parts
    return jax.numpy.split(x, cuts, axis=axis)[index]


register(
    Op(
        "split",
        split,
        infer=_split_infer,
        native={"torch": _split_torch, "tensorflow": _split_tensorflow, "jax": _split_jax},
        examples=(
            Example("split(x, 2, 0)", {"x": (4, 3)}),
            Example("split(x, parts=3, index=1, axis=-1)", {"x": (4, 6)}),
            Example("split(x, (1, 3, 0, 2), 1)", {"x": (6, 2)}),
            Example("split(x, (2, 0, 1), index=2, axis=1)", {"x": (2, 3)}),
        ),
    )
)


def _triangle_infer(x: ArraySpec, k: int = 0) -> ArraySpec:
    require_int("k", k)
    if len(x.shape) < 2:
        raise ShapeError(f"shape {x.shape} has no rows and columns")
    return x


def _of_diagonal(x: Array) -> Array:
    """Return for each place of a matrix how many diagonals it is above the main one."""
    rows, columns = np.shape(x)[-2:]
    return np.expand_dims(np.arange(columns), 0) - np.expand_dims(np.arange(rows), 1)


def tril(x: Array, k: int = 0) -> tuple[Array, Pullback]:
    """The lower triangle of the matrices in the last two axes: 0 above diagonal k.

    VJP: dx = dy in the triangle, else 0.
    """
    kept = _of_diagonal(x) <= k
    return np.where(kept, x, 0), lambda dy: (np.where(kept, dy, 0),)


def triu(x: Array, k: int = 0) -> tuple[Array, Pullback]:
    """The upper triangle of the matrices in the last two axes: 0 below diagonal k.

    VJP: dx = dy in the triangle, else 0.
    """
    kept = _of_diagonal(x) >= k
    return np.where(kept, x, 0), lambda dy: (np.where(kept, dy, 0),)


def _tril_tensorflow(tf: Any, x: Any, k: int = 0) -> Any:
    """A band of TensorFlow's own has the main diagonal in it."""
    if k < 0:
        return tf.experimental.numpy.tril(x, k)
    return tf.linalg.band_part(x, -1, min(k, x.shape[-1]))


def _triu_tensorflow(tf: Any, x: Any, k: int = 0) -> Any:
    if k > 0:
        return tf.experimental.numpy.triu(x, k)
    return tf.linalg.band_part(x, min(-k, x.shape[-2]), -1)


def _triangles(name: str) -> tuple[Example, ...]:
    return (
        Example(f"{name}(x)", {"x": (4, 3)}),
        Example(f"{name}(x, 1)", {"x": (2, 3, 4)}),
        Example(f"{name}(x, k=-1)", {"x": (4, 4)}),
        Example(f"{name}(x, k=-9)", {"x": (2, 1)}),
    )


register(
    Op(
        "tril",
        tril,
        infer=_triangle_infer,
        native={
            "torch": lambda torch, x, k=0: torch.tril(x, k),
            "tensorflow": _tril_tensorflow,
            "jax": lambda jax, x, k=0: jax.numpy.tril(x, k),
        },
        examples=_triangles("tril"),
    )
)
register(
    Op(
        "triu",
        triu,
        infer=_triangle_infer,
        native={
            "torch": lambda torch, x, k=0: torch.triu(x, k),
            "tensorflow": _triu_tensorflow,
            "jax": lambda jax, x, k=0: jax.numpy.triu(x, k),
        },
        examples=_triangles("triu"),
    )
)


def stop_gradient(x: Array) -> tuple[Array, Pullback]:
    """x itself, as a constant: no gradient passes, and what is used here alone has the gradient 0.

    torch calls it `detach`.
    """
    return x, lambda dy: (None,)


register(
    Op(
        "stop_gradient",
        stop_gradient,
        infer=lambda x: x,
        native={
            "torch": lambda torch, x: x.detach(),
            "tensorflow": lambda tf, x: tf.stop_gradient(x),
            "jax": lambda jax, x: jax.lax.stop_gradient(x),
        },
        examples=(
            Example("stop_gradient(x)", {"x": (4, 3)}),
            Example("stop_gradient(x)", {"x": ()}),
        ),
        differentiable=False,
    )
)


def _one_hot_infer(indices: ArraySpec, classes: int) -> ArraySpec:
    require_int("classes", classes, 1)
    require_indices(indices)
    return ArraySpec((*indices.shape, classes), "bool")


def one_hot(indices: Array, classes: int) -> tuple[Array, Pullback]:
    """True at the class that each of `indices` names, on a last axis of length `classes`.

    Truth values, which belong to no dtype: ``where(one_hot(i, 3), x, 0)`` selects by them.
    Convention: an index below 0 or beyond the classes is an error, as in torch; TensorFlow and
    JAX have no True there.
    """
    return np.expand_dims(indices, -1) == np.arange(classes), lambda dy: (None,)


register(
    Op(
        "one_hot",
        one_hot,
        infer=_one_hot_infer,
        native={
            "torch": lambda torch, indices, classes: torch.nn.functional.one_hot(
                indices, classes
            ).bool(),
            "tensorflow": lambda tf, indices, classes: tf.one_hot(
                indices, classes, on_value=True, off_value=False
            ),
            "jax": lambda jax, indices, classes: jax.nn.one_hot(indices, classes, dtype=bool),
        },
        domain={"indices": Integers(0, 3)},
        bounds=lambda indices, classes: (range(classes),),
        examples=(
            Example("one_hot(indices, 3)", {"indices": (4,)}),
            Example("one_hot(indices, classes=5)", {"indices": (2, 3)}),
            Example("one_hot(indices, 4)", {"indices": ()}),
        ),
        differentiable=False,
    )
)
