"""Operations that are made of others: each of those has its error."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from gradcmp.native.tensorflow.rules.rule import Context, Rule, table
from gradcmp.native.tensorflow.stream import Operation, Tensor, Tensors, is_wide


def made_of(parts: Callable[..., Tensor | Tensors]) -> Rule:
    """Return the rule of an operation that `parts` writes out; the tape sees the whole alone."""

    def rule(context: Context, operation: Operation) -> Tensors:
        if not is_wide(operation.inputs[0]):
            return operation.run()
        with context.inside():
            found = parts(*operation.inputs)
        return found if isinstance(found, list) else [found]

    return rule


def _exponentials(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    z = x - tf.reduce_max(x, -1, keepdims=True)
    e = tf.exp(z)
    return z, e, tf.reduce_sum(e, -1, keepdims=True)


def _softmax(x: Tensor) -> Tensor:
    _, e, total = _exponentials(x)
    return e / total


def _log_softmax(x: Tensor) -> Tensor:
    z, _, total = _exponentials(x)
    return z - tf.math.log(total)


def _cross_entropy(x: Tensor, labels: Tensor) -> Tensors:
    z, e, total = _exponentials(x)
    return [tf.reduce_sum(labels * (tf.math.log(total) - z), -1), e / total - labels]


def _sparse_cross_entropy(x: Tensor, labels: Tensor) -> Tensors:
    z, e, total = _exponentials(x)
    picked = tf.gather(z, labels, axis=-1, batch_dims=1)
    places = tf.one_hot(labels, x.shape[-1], dtype=x.dtype)
    return [tf.math.log(total)[..., 0] - picked, e / total - places]


RULES: dict[str, Rule] = {
    "Softmax": made_of(_softmax),
    "LogSoftmax": made_of(_log_softmax),
    "SoftmaxCrossEntropyWithLogits": made_of(_cross_entropy),
    "SparseSoftmaxCrossEntropyWithLogits": made_of(_sparse_cross_entropy),
    **table(
        {
            "SigmoidGrad": made_of(lambda y, dy: dy * (y * (1 - y))),
            "TanhGrad": made_of(lambda y, dy: dy * (1 - y * y)),
            "SqrtGrad": made_of(lambda y, dy: dy * 0.5 / y),
            "RsqrtGrad": made_of(lambda y, dy: -0.5 * dy * y * (y * y)),
            "ReciprocalGrad InvGrad": made_of(lambda y, dy: -dy * (y * y)),
            "SoftplusGrad": made_of(lambda dy, x: dy / (tf.exp(-x) + 1)),
        }
    ),
}
