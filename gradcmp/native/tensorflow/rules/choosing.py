"""Operations that compare numbers, or choose among them: here a run takes its branches."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gradcmp.judge.noise.rules.decisions import has_ties
from gradcmp.native.noisy.branches import Fork
from gradcmp.native.outcome import Array
from gradcmp.native.tensorflow.rules.elementwise import jittered
from gradcmp.native.tensorflow.rules.rule import Context, Rule, numbers, table, tensor_of
from gradcmp.native.tensorflow.stream import Operation, Tensor, Tensors, is_wide

LEAST = 1e-300  # what relu makes of a zero that counts as positive: its backward asks for > 0
JUST_BELOW = np.nextafter(6.0, 0.0)


def _order(context: Context, operation: Operation) -> Tensors:
    """`>`, `>=`, `<` and `<=`."""
    (outcome,), (left, right) = operation.run(), operation.inputs
    if not is_wide(left):
        return [outcome]
    operands = numbers(left), numbers(right)
    with np.errstate(invalid="ignore"):
        difference = np.subtract(*operands)
    rises = operation.name.startswith("Greater")
    fork = Fork(numbers(outcome), difference, (not rises, rises), operands)
    taken = context.branches.decide(fork)
    return [tensor_of(taken, outcome)]


def _equality(context: Context, operation: Operation) -> Tensors:
    (outcome,), (left, right) = operation.run(), operation.inputs
    if not is_wide(left):
        return [outcome]
    operands, found = (numbers(left), numbers(right)), numbers(outcome)
    equal = found if operation.name == "Equal" else ~found
    sizes = sorted(one.size for one in operands)
    context.branches.tied |= has_ties(int(np.count_nonzero(equal)), sizes)
    return [tensor_of(context.branches.decide(Fork(found, operands=operands)), outcome)]


def _discrete(context: Context, operation: Operation) -> Tensors:
    """What is true or whole and made of real numbers: the place of a maximum."""
    (y,) = operation.run()
    if is_wide(y) or not is_wide(operation.inputs[0]):
        return [y]
    return [tensor_of(context.branches.decide(Fork(numbers(y))), y)]


def _relu(context: Context, operation: Operation) -> Tensors:
    (x,) = operation.inputs
    if not is_wide(x):
        return operation.run()
    return [tensor_of(_rectified(context, numbers(x)), x)]


def _rectified(context: Context, x: Array) -> Array:
    positive = context.branches.decide(Fork(x > 0, x, operands=(x, 0.0)))
    # An active element is positive, and a dead one is zero, whatever noise has made of it.
    y: Array = np.where(positive, np.where(x > 0, x, np.maximum(np.abs(x), LEAST)), 0.0)
    return np.where(np.isnan(x), x, y)


def _relu6(context: Context, operation: Operation) -> Tensors:
    (x,) = operation.inputs
    if not is_wide(x):
        return operation.run()
    value = numbers(x)
    positive = _rectified(context, value)
    below = context.branches.decide(Fork(value < 6, 6 - value, operands=(value, 6.0)))
    inside = np.minimum(positive, JUST_BELOW)
    return [tensor_of(np.where(below, inside, 6.0), x)]


def _sign(context: Context, operation: Operation) -> Tensors:
    (x,), (y,) = operation.inputs, operation.run()
    if not is_wide(x):
        return [y]
    value = numbers(x)
    taken = context.branches.decide(Fork(numbers(y), value, (-1.0, 1.0), (value, 0.0)))
    return [tensor_of(taken, y)]


def piecewise(kappa: float) -> Rule:
    """Return the rule of what has one formula below zero and another above, by its last operand."""

    def rule(context: Context, operation: Operation) -> Tensors:
        *others, x = operation.inputs
        if not is_wide(x):
            return operation.run()
        value = numbers(x)
        positive = context.branches.decide(Fork(value > 0, value, operands=(value, 0.0)))
        size = np.maximum(np.abs(value), LEAST)
        turned = np.where(positive == (value > 0), value, np.where(positive, size, -size))
        (y,) = operation.run([*others, tensor_of(turned, x)])
        return [jittered(context, y, kappa)]

    return rule


def _top(context: Context, operation: Operation) -> Tensors:
    """The largest numbers, and where they come from."""
    x, (values, index) = operation.inputs[0], operation.run()
    if not is_wide(x):
        return [values, index]
    kept = context.branches.decide(Fork(numbers(index)))
    taken = np.take_along_axis(numbers(x), kept, -1)
    return [tensor_of(taken, values), tensor_of(kept, index)]


def _pool_gradient(context: Context, operation: Operation) -> Tensors:
    """The gradient of maxima of windows: it chooses anew, and adds where windows overlap."""
    x, y, *rest = operation.inputs
    if not is_wide(x):
        return operation.run()
    dy, *others = rest

    def handed_back(x: Tensor, y: Tensor, dy: Array) -> Array:
        return numbers(operation.run([x, y, tf.constant(dy), *others])[0])

    given, ones = numbers(dy), np.ones(dy.shape)
    x, y = context.branches.choose(Fork(handed_back(x, y, ones), chosen_from=(x, y)))
    found, terms = handed_back(x, y, given), handed_back(x, y, ones)
    squares = handed_back(x, y, np.square(given))
    noisy = context.rounding.jitter_sum(found, squares, np.maximum(terms, 1.0), "scatter")
    return [tf.constant(np.where(terms > 1, noisy, found))]


RULES: dict[str, Rule] = table(
    {
        "Greater GreaterEqual Less LessEqual": _order,
        "Equal NotEqual": _equality,
        "ApproximateEqual ArgMax ArgMin": _discrete,
        "Relu": _relu,
        "Relu6": _relu6,
        "Sign": _sign,
        "LeakyRelu LeakyReluGrad": piecewise(1.0),
        "SeluGrad": piecewise(2.0),
        "TopK TopKV2": _top,
        "MaxPoolGrad MaxPoolGradV2 MaxPool3DGrad": _pool_gradient,
    }
)
EXACT_AFTER = frozenset(("ReluGrad", "Relu6Grad"))  # by what forward made of their operand
