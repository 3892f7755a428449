"""What references are made of besides ufuncs and functions that move elements.

References run on plain arrays of four dtypes, on complex arrays and on arrays that carry
rounding noise, whatever their class: so no attribute but shape and dtype is read, nothing is
written into, and branches are taken by comparisons of real parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.shapes import Axis, normalize_axes
from gradcmp.ops.spec import Array

# Kinds of sums that a library may add up in bfloat16 itself, where most go through float32.
# sum: in a forward pass; backward: of cotangents; bare: of windows, or in an einsum, with nothing
# said of how to accumulate; running: cumulative; scatter: into places; affine: in the gradient of a
# layer_norm's weight and bias; product: of matrices; convolved: a product in the gradient of a
# convolution; bias: in the gradient of its bias.
Sum: TypeAlias = Literal[
    "sum", "backward", "bare", "running", "scatter", "affine", "product", "convolved", "bias"
]


PLAIN = (np.ndarray, np.generic)


def constant(value: float, x: Array) -> Any:
    """Return a number to compute with beside `x`, whose dtype the result is to have.

    A Python float, which takes any dtype of NumPy's own; bfloat16 would become float32.
    """
    return x.dtype.type(value) if _is_bfloat16(x) else float(value)


def total(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum along `axis`; bfloat16 is accumulated in float32, as the frameworks do.

    NumPy adds bfloat16 in bfloat16, where a sum of ones stops at 256.
    """
    terms = x.astype(np.float32) if _is_bfloat16(x) else x
    y: Array = np.sum(terms, axis=axis, keepdims=keepdims)
    return y.astype(x.dtype) if _is_bfloat16(x) else y


def average(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Return the arithmetic mean along `axis`."""
    return total(x, axis, keepdims) / count(np.shape(x), axis)


def product(x: Array, y: Array) -> Array:
    """Matrix product; of bfloat16 in bfloat16, accumulated in float32.

    NumPy has no such loop and would hand back float32.
    """
    z: Array = np.matmul(x, y)
    return z.astype(x.dtype) if _is_bfloat16(x) else z


def total_as(kind: Sum, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum along `axis` where a library may add up bfloat16 in bfloat16.

    The same numbers as `total`; what models rounding is told the difference.

    Parameters
    ----------
    kind : Sum
        ``bare``, ``affine`` or ``bias``; NumPy's own functions tell the others.
    """
    answer = offered(total_as, kind, x, axis, keepdims)
    y: Array = total(x, axis, keepdims) if answer is NotImplemented else answer
    return y


def convolved_product(x: Array, y: Array) -> Array:
    """Matrix product in the gradient of a convolution: told apart as `total_as` is."""
    answer = offered(convolved_product, x, y)
    z: Array = product(x, y) if answer is NotImplemented else answer
    return z


def fraction(places: Array, x: Array) -> Array:
    """Return how far places lie beyond the whole numbers below them, in the dtype of x.

    Libraries compute a place in float32 where the dtype has no more digits, and lose of it what a
    float32 loses of the whole place; what models rounding is told.
    """
    answer = offered(fraction, places, x)
    share: Array = places - np.floor(places)
    return share.astype(x.dtype) if answer is NotImplemented else answer


def offered(primitive: Callable[..., Any], *arguments: Any) -> Any:
    """Offer a primitive to the array classes of its arguments, as NumPy does with its functions.

    What is no ndarray is asked by ``__array_function__``, and may answer NotImplemented: the
    primitive is then computed from others. Subclasses of ndarray are not asked: what they
    inherit would come back here.
    """
    for x in arguments:
        if not isinstance(x, PLAIN) and hasattr(x, "__array_function__"):
            return x.__array_function__(primitive, (type(x),), arguments, {})
    return NotImplemented


def spread(y: Array, shape: Shape) -> Array:
    """Broadcast to `shape`, keeping the class of the array."""
    return np.broadcast_to(y, shape, subok=True)


def magnitude(x: Array) -> Array:
    """|x| on the real line, continued analytically to either side: np.abs is not analytic."""
    return np.where(np.real(x) < 0, -x, x)


def unless_nan(dx: Array, x: Array) -> Array:
    """Return dx, and 0 where x is NaN: neither side of a branch holds there."""
    y: Array = np.where(np.isnan(x), 0, dx)
    return y


def largest(x: Array, axis: int) -> Array:
    """Return the largest along `axis`, which stays with length 1; of none anything would do."""
    if np.shape(x)[axis] == 0:
        return constant(0, x)  # type: ignore[no-any-return]
    y: Array = np.max(np.real(x), axis=axis, keepdims=True)
    return y


def zeros(dy: Array, shape: Shape) -> Array:
    """Return zeros of `shape` in the dtype and class of the cotangent `dy`."""
    return np.zeros_like(dy, shape=shape)


def flat_indices(shape: Shape) -> Array:
    """Return the place of each element of a shape in a row, the last axis running fastest."""
    return np.reshape(np.arange(math.prod(shape)), shape)


def scatter_add(dy: Array, index: Array, size: int) -> Array:
    """Add each element of `dy` to place `index` of `size` zeros: the transpose of a gather."""
    dx = zeros(dy, (size,))
    np.add.at(dx, np.reshape(index, -1), np.reshape(dy, -1))
    return dx


def unbroadcast(dy: Array, x: Array, total: Callable[..., Array] = total) -> Array:
    """Sum a cotangent over the axes that broadcasting gave to `x`: the transpose of broadcasting.

    ``dx = sum of dy over the axes that x lacks or has with length 1``, in the shape of `x`, as
    `total` adds up.
    """
    shape = np.shape(x)
    if np.shape(dy) == shape:
        return dy
    extra = np.ndim(dy) - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and np.shape(dy)[i + extra] != 1
    )
    return np.reshape(total(dy, axes), shape)


def expand(reduced: Array, axis: Axis, ndim: int) -> Array:
    """Return the axes that a reduction removed back with length 1, so that it broadcasts again."""
    axes = normalize_axes(axis, ndim)
    return np.expand_dims(reduced, axes) if np.ndim(reduced) < ndim else reduced


def drop(kept: Array, axis: Axis) -> Array:
    """Remove the axes of length 1 that a reduction has kept."""
    return np.squeeze(kept, normalize_axes(axis, np.ndim(kept)))


def count(shape: Shape, axis: Axis) -> int:
    """Return the number of elements that a reduction of `shape` along `axis` joins into one."""
    n = 1
    for i in normalize_axes(axis, len(shape)):
        n *= shape[i]
    return n


def _is_bfloat16(x: Array) -> bool:
    return x.dtype.kind == "V"
