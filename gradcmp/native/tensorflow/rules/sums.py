"""Sums, matrix products, convolutions, windows, and what adds into places.

The error of a sum needs the sum of the squares of its terms and how many there are: the same
operation once more has them, on squared operands and on ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gradcmp.native.outcome import Array
from gradcmp.native.tensorflow.rules.rule import Context, Rule, moved, numbers, table, tensor_of
from gradcmp.native.tensorflow.stream import Operation, Tensor, Tensors, is_wide
from gradcmp.ops.primitives import Sum


def _squared(operation: Operation) -> Array:
    return np.abs(numbers(operation.run(moved(operation, _square))[0]))


def _counted(operation: Operation) -> Any:
    """Return how many terms each place has; one number where all have as many."""
    terms = numbers(operation.run(moved(operation, _ones))[0])
    return _uniform(np.maximum(np.round(np.abs(terms)), 1.0))


def _uniform(terms: Array) -> Any:
    return float(terms.flat[0]) if terms.size and (terms == terms.flat[0]).all() else terms


def _square(tensor: Tensor) -> Tensor:
    return tf.constant(np.square(numbers(tensor)))


def _ones(tensor: Tensor) -> Tensor:
    return tf.constant(np.ones(tensor.shape))


def _present(tensor: Tensor) -> Tensor:
    return tf.constant((numbers(tensor) != 0).astype(np.float64))


def added(kind: Sum) -> Rule:
    """Return the rule of a function that adds products of its operands; of one term it is exact."""

    def rule(context: Context, operation: Operation) -> Tensors:
        (y,) = operation.run()
        if not is_wide(y) or not numbers(y).size:
            return [y]
        squares, terms = context.once(operation, lambda: (_squared(operation), _counted(operation)))
        return [_summed(context, y, squares, terms, kind)]

    return rule


def _summed(context: Context, y: Tensor, squares: Array, terms: Any, kind: Sum) -> Tensor:
    value = numbers(y)
    if np.max(terms) <= 1 and kind not in ("product", "convolved"):
        return y
    noisy = context.rounding.jitter_sum(value, squares, terms, kind)
    if kind in ("scatter", "running"):
        noisy = np.where(np.asarray(terms) > 1, noisy, value)
    return tensor_of(noisy, y)


def _mean(context: Context, operation: Operation) -> Tensors:
    (y,) = operation.run()
    if not is_wide(y) or not numbers(y).size:
        return [y]
    terms = numbers(operation.inputs[0]).size / numbers(y).size
    squares = context.once(operation, lambda: _squared(operation)) / terms
    return [_averaged(context, y, squares, terms, "sum")]


def _averaged(context: Context, y: Tensor, squares: Array, terms: Any, kind: Sum) -> Tensor:
    summed = context.rounding.jitter_sum(numbers(y), squares, terms, kind)
    return tensor_of(context.rounding.jitter(summed, 1.0), y)


def _window(context: Context, operation: Operation) -> Tensors:
    """Averages of windows, and what hands gradients back to them."""
    (y,) = operation.run()
    if not is_wide(y):
        return [y]
    terms = float(np.prod(operation.attributes["ksize"]))
    kind: Sum = "scatter" if operation.name.endswith("Grad") else "bare"
    return [_averaged(context, y, _squared(operation) / terms, terms, kind)]


def _scattered(context: Context, operation: Operation) -> Tensors:
    """What is added to an array that is there: that counts as a term where it is not zero."""
    (y,) = operation.run()
    if not is_wide(y):
        return [y]
    x, *rest = operation.inputs
    ones = [_present(x), *(_ones(one) if is_wide(one) else one for one in rest)]
    terms = np.maximum(np.abs(numbers(operation.run(ones)[0])), 1.0)
    return [_summed(context, y, _squared(operation), terms, "scatter")]


def _half_squares(context: Context, operation: Operation) -> Tensors:
    """The sum of squares, halved."""
    x, (y,) = numbers(operation.inputs[0]), operation.run()
    if not is_wide(y):
        return [y]
    squares = np.sum(np.square(x * x / 2))
    return [tensor_of(context.rounding.jitter_sum(numbers(y), squares, x.size, "sum"), y)]


RULES: dict[str, Rule] = table(
    {
        "Sum AddN BiasAddGrad SegmentSum SegmentSumV2 AccumulateNV2": added("sum"),
        "MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 Einsum SparseMatMul "
        "SparseTensorDenseMatMul": added("product"),
        "Conv2D Conv3D DepthwiseConv2dNative Conv2DBackpropInput Conv2DBackpropInputV2 "
        "Conv2DBackpropFilter Conv2DBackpropFilterV2 Conv3DBackpropInputV2 "
        "Conv3DBackpropFilterV2 DepthwiseConv2dNativeBackpropInput "
        "DepthwiseConv2dNativeBackpropFilter": added("convolved"),
        "Cumsum": added("running"),
        "UnsortedSegmentSum ScatterNd ResizeNearestNeighborGrad MirrorPadGrad "
        "SparseSegmentSum": added("scatter"),
        "TensorScatterAdd TensorScatterSub": _scattered,
        "Mean": _mean,
        "AvgPool AvgPool3D AvgPoolGrad AvgPool3DGrad": _window,
        "L2Loss": _half_squares,
    }
)
