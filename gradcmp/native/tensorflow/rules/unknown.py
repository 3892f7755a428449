"""Operations without a rule: they err as their own float32 kernel does."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gradcmp.dtypes import FORMATS
from gradcmp.native.outcome import Array
from gradcmp.native.tensorflow.rules.elementwise import jittered
from gradcmp.native.tensorflow.rules.rule import Context, numbers, tensor_of
from gradcmp.native.tensorflow.stream import Operation, Tensor, Tensors

POINT = 2.0  # units roundoff from the operands: where the kernel's error is seen
SAFETY = 2.0  # one error may be small by chance
KAPPA_UNKNOWN = 4.0  # of what does not run in float32
LOWER = {tf.float64: tf.float32, tf.complex128: tf.complex64}
FINE = FORMATS["float32"].u
REFUSED = (tf.errors.OpError, TypeError, ValueError)


def erring_as_float32(context: Context, operation: Operation) -> Tensors:
    """Run it in float32 and in float64 at a point nearby: twice the difference is its error."""
    found = operation.run()
    if not any(one.dtype in LOWER for one in found):
        return found
    context.name_unruled(operation.name)
    if context.rounding.is_exact:
        return found
    errors = None if operation.is_stateful else _errors(context, operation)
    if errors is None:
        return [jittered(context, one, KAPPA_UNKNOWN) for one in found]
    moved = [_moved(one, error) for one, error in zip(found, errors, strict=True)]
    return [jittered(context, one, 1.0) for one in moved]


def _errors(context: Context, operation: Operation) -> list[Array | None] | None:
    """Return the error of each output; None where it has no float32 kernel."""
    u = context.rounding.model.precision.u
    known = {high.as_datatype_enum: low.as_datatype_enum for high, low in LOWER.items()}
    lowered = {
        kind: known[operation.attributes[kind]]
        for kind in operation.kinds
        if operation.attributes.get(kind) in known
    }

    def near(tensor: Tensor) -> Tensor:
        if tensor.dtype not in LOWER:
            return tensor
        away = 1 + POINT * u * context.rounding.scatter(tuple(tensor.shape))
        return tf.constant(numbers(tensor) * away, LOWER[tensor.dtype])

    low = [near(one) for one in operation.inputs]
    high = [
        tf.constant(numbers(one), was.dtype) if one is not was else one
        for one, was in zip(low, operation.inputs, strict=True)
    ]
    try:
        coarse, fine = operation.told(**lowered).run(low), operation.run(high)
    except REFUSED:
        return None
    return [_difference(a, b, SAFETY * u / FINE) for a, b in zip(coarse, fine, strict=True)]


def _difference(coarse: Tensor, fine: Tensor, scale: float) -> Any:
    if fine.dtype not in LOWER or coarse.shape != fine.shape:
        return None
    error = (numbers(coarse).astype(numbers(fine).dtype) - numbers(fine)) * scale
    return np.where(np.isfinite(error), error, 0.0)


def _moved(y: Tensor, error: Array | None) -> Tensor:
    if error is None or error.shape != tuple(y.shape):
        return y
    return tensor_of(numbers(y) + error, y)
