"""TensorFlow: `ForwardAccumulator`, alone and around a tape; nested tapes; the TensorFlow 1 way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, product
from typing import Any, TypeAlias

from gradcmp.derivatives import Derivative

Tensors: TypeAlias = Sequence[Any]
Function: TypeAlias = Callable[..., tuple[Any, ...]]


def _jvp(tf: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors) -> Tensors:
    with tf.autodiff.ForwardAccumulator(list(xs), list(vs)) as forward:
        outputs = function(*xs)
    return [forward.jvp(y, tf.UnconnectedGradients.ZERO) for y in outputs]


def _gradient(tf: Any, function: Function, xs: Tensors, cotangents: Tensors) -> Tensors:
    """Return the gradient as arrays, which indexing leaves as slices."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(xs)
        outputs = function(*xs)
    zero = tf.UnconnectedGradients.ZERO
    found = tape.gradient(list(outputs), list(xs), list(cotangents), unconnected_gradients=zero)
    return [tf.convert_to_tensor(one) for one in found]


def _hvp(tf: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors) -> Tensors:
    with tf.autodiff.ForwardAccumulator(list(xs), list(vs)) as forward:
        slopes = _gradient(tf, function, xs, cotangents)
    return [forward.jvp(one, tf.UnconnectedGradients.ZERO) for one in slopes]


def _rows(tf: Any, tape: Any, outputs: Tensors, xs: Tensors) -> Tensors:
    """Return every block: zeros of an output and an input that are not connected.

    TensorFlow's own zeros would lack the axes of the output.
    """
    blocks = (tape.jacobian(y, list(xs)) for y in outputs)
    pairs = zip(product(outputs, xs), chain.from_iterable(blocks), strict=True)
    return [
        tf.zeros(y.shape + x.shape, x.dtype) if block is None else block for (y, x), block in pairs
    ]


def _jacobian(
    tf: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors
) -> Tensors:
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(xs)
        outputs = function(*xs)
    return _rows(tf, tape, outputs, xs)


def _hessian(tf: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors) -> Tensors:
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(xs)
        slopes = _gradient(tf, function, xs, cotangents)
    return _rows(tf, tape, slopes, xs)


WAYS: Mapping[Derivative, Callable[..., Tensors]] = {
    "jvp": _jvp,
    "hvp": _hvp,
    "jacobian": _jacobian,
    "hessian": _hessian,
}


def _slopes(tf: Any, outputs: Tensors, xs: Tensors, cotangents: Tensors) -> Tensors:
    zero = tf.UnconnectedGradients.ZERO
    found = tf.gradients(list(outputs), list(xs), list(cotangents), unconnected_gradients=zero)
    return [tf.convert_to_tensor(one) for one in found]


def _transposed_twice(
    tf: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors
) -> Tensors:
    """``J v`` from pullbacks alone: the pullback is linear in the cotangent, and J v is its own."""
    outputs = function(*xs)
    dummies = [tf.zeros_like(y) for y in outputs]
    return _slopes(tf, _slopes(tf, outputs, xs, dummies), dummies, vs)


def _gradients_twice(
    tf: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors
) -> Tensors:
    return _slopes(tf, _slopes(tf, function(*xs), xs, cotangents), xs, vs)


def _one_by_one(tf: Any, outputs: Tensors, xs: Tensors) -> Tensors:
    found = []
    for y in outputs:
        flat = tf.reshape(y, [-1])
        rows = [_slopes(tf, [one], xs, [tf.ones_like(one)]) for one in tf.unstack(flat)]
        for place, x in enumerate(xs):
            stacked = tf.stack([row[place] for row in rows]) if rows else tf.zeros([0], x.dtype)
            found.append(tf.reshape(stacked, y.shape + x.shape))
    return found


WAYS_OF_SESSIONS: Mapping[Derivative, Callable[..., Tensors]] = {
    "jvp": _transposed_twice,
    "hvp": _gradients_twice,
    "jacobian": lambda tf, function, xs, vs, cotangents: _one_by_one(tf, function(*xs), xs),
    "hessian": lambda tf, function, xs, vs, cotangents: _one_by_one(
        tf, _slopes(tf, function(*xs), xs, cotangents), xs
    ),
}
