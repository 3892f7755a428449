"""Layers that pick and drop: embedding, and dropout by a mask that is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.primitives import constant, scatter_add
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import (
    Array,
    ArraySpec,
    Booleans,
    Example,
    Integers,
    Op,
    Pullback,
    ShapeError,
)
from gradcmp.ops.static import require_int, require_number


def _infer(indices: ArraySpec, weight: ArraySpec, padding_idx: int | None = None) -> ArraySpec:
    require_float(weight)
    if indices.kind != "int":
        raise ShapeError(f"the indices are of kind '{indices.kind}', and must be integers")
    if len(weight.shape) != 2:
        raise ShapeError(f"weight {weight.shape} is not (entries, width)")
    if not weight.shape[0] and 0 not in indices.shape:
        raise ShapeError(f"weight {weight.shape} has no entries that an index could name")
    if padding_idx is not None:
        require_int("padding_idx", padding_idx)
        if not -weight.shape[0] <= padding_idx < weight.shape[0]:
            raise ShapeError(f"padding_idx {padding_idx} is none of {weight.shape[0]} entries")
    return ArraySpec((*indices.shape, weight.shape[1]))


def embedding(
    indices: Array, weight: Array, padding_idx: int | None = None
) -> tuple[Array, Pullback]:
    """The rows of the weight that `indices` name; the row padding_idx learns nothing.

    The weight is (entries, width); nothing comes back to the row padding_idx, although the value
    depends on it. A negative padding_idx counts from the end, as in torch.

    VJP: dweight_j = sum of dy over all places whose index is j; 0 for j = padding_idx.
    """
    entries, width = np.shape(weight)

    def pullback(dy: Array) -> tuple[None, Array]:
        given = dy
        if padding_idx is not None:
            padding = np.equal(indices, padding_idx % entries)
            given = np.where(np.expand_dims(padding, -1), 0, dy)
        places = np.expand_dims(indices * width, -1) + np.arange(width)
        dweight = scatter_add(given, places, entries * width)
        return None, np.reshape(dweight, (entries, width))

    return np.take(weight, indices, axis=0), pullback


def _tensorflow(tf: Any, indices: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """TensorFlow has no padding: what is padding hands nothing back."""
    y = tf.nn.embedding_lookup(weight, indices)
    if padding_idx is None:
        return y
    padding = tf.equal(indices, padding_idx % weight.shape[0])
    return tf.where(tf.expand_dims(padding, -1), tf.stop_gradient(y), y)


def _jax(jax: Any, indices: Any, weight: Any, padding_idx: int | None = None) -> Any:
    y = jax.numpy.take(weight, indices, axis=0)
    if padding_idx is None:
        return y
    padding = jax.numpy.equal(indices, padding_idx % weight.shape[0])
    return jax.numpy.where(padding[..., None], jax.lax.stop_gradient(y), y)


register(
    Op(
        "embedding",
        embedding,
        infer=_infer,
        native={
            "torch": lambda torch, indices, weight, padding_idx=None: torch.nn.functional.embedding(
                indices, weight, padding_idx=padding_idx
            ),
            "tensorflow": _tensorflow,
            "jax": _jax,
        },
        domain={"indices": Integers(0, 3)},
        bounds=lambda _, weight, padding_idx=None: (range(weight.shape[0]), None),
        examples=(
            Example("embedding(indices, weight)", {"indices": (2, 5), "weight": (3, 4)}),
            Example("embedding(indices, weight)", {"indices": (), "weight": (3, 4)}),
            *(
                Example(
                    f"embedding(indices, weight, padding_idx={row})",
                    {
                        "indices": (2, 5),
                        "weight": (4, 2),
                    },  # no 3 is drawn: it gets nothing
                )
                for row in (3, -1)
            ),
        ),
    )
)


def _dropout_infer(x: ArraySpec, mask: ArraySpec, p: float = 0.5) -> ArraySpec:
    require_float(x)
    require_number("p", p, low=0)
    if p >= 1:
        raise ShapeError(f"p is {p}, and must be less than 1: what is kept is divided by 1 - p")
    if mask.kind != "bool":
        raise ShapeError(f"the mask is of kind '{mask.kind}', and must say what is kept")
    if mask.shape != x.shape:
        raise ShapeError(f"the mask {mask.shape} and x {x.shape} differ in shape")
    return x


def dropout(x: Array, mask: Array, p: float = 0.5) -> tuple[Array, Pullback]:
    """x / (1 - p) where the mask holds, else 0: the mask is drawn with probability 1 - p.

    No two frameworks draw alike, so it is given.

    VJP: dx = dy / (1 - p) where the mask holds, else 0.
    Ref: Srivastava et al. (2014), scaled when it is trained.
    """

    def kept(z: Array) -> Array:
        return np.where(mask, z * constant(1 / (1 - p), z), 0)

    return kept(x), lambda dy: (kept(dy), None)


register(
    Op(
        "dropout",
        dropout,
        infer=_dropout_infer,
        native={
            "torch": lambda torch, x, mask, p=0.5: torch.where(mask, x * (1 / (1 - p)), 0),
            "tensorflow": lambda tf, x, mask, p=0.5: tf.where(mask, x * (1 / (1 - p)), 0),
            "jax": lambda jax, x, mask, p=0.5: jax.numpy.where(mask, x / (1 - p), 0),
        },
        domain={"mask": Booleans()},
        examples=(
            Example("dropout(x, mask)", {"x": (4, 3), "mask": (4, 3)}),
            Example("dropout(x, mask, p=0.1)", {"x": (2, 3, 2), "mask": (2, 3, 2)}),
            Example("dropout(x, mask, 0)", {"x": (), "mask": ()}),
        ),
    )
)
