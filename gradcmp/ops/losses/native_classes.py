"""How the frameworks spell losses of classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradcmp.ops.losses.reduction import (
    reduced_in_jax,
    reduced_in_tensorflow,
    reduced_in_torch,
    with_slope,
)
from gradcmp.ops.spec import Native

NOTHING = -100  # what torch ignores unless told otherwise: no class


def _torch(
    torch: Any,
    logits: Any,
    labels: Any,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Any:
    """For class numbers torch's kernel has no derivative for class weights."""
    F = torch.nn.functional
    ignored = NOTHING if ignore_index is None else ignore_index

    def kernel(weight: Any) -> Any:
        return F.cross_entropy(
            logits,
            labels,
            weight,
            ignore_index=ignored,
            reduction=reduction,
            label_smoothing=label_smoothing,
        )

    if weight is None or len(labels.shape) == len(logits.shape):
        return kernel(weight)

    def composed(weight: Any) -> Any:
        log_p = F.log_softmax(logits, 1)
        return _rows_torch(torch, log_p, labels, weight, reduction, ignored, label_smoothing)

    return with_slope(kernel, composed, weight)


def _nll_torch(
    torch: Any,
    log_p: Any,
    labels: Any,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
) -> Any:
    ignored = NOTHING if ignore_index is None else ignore_index

    def kernel(weight: Any) -> Any:
        return torch.nn.functional.nll_loss(
            log_p, labels, weight, ignore_index=ignored, reduction=reduction
        )

    def composed(weight: Any) -> Any:
        return _rows_torch(torch, log_p, labels, weight, reduction, ignored)

    return kernel(None) if weight is None else with_slope(kernel, composed, weight)


def _rows_torch(
    torch: Any,
    log_p: Any,
    labels: Any,
    weight: Any,
    reduction: str,
    ignored: int,
    smoothing: float = 0.0,
) -> Any:
    counts = torch.ne(labels, ignored)
    table = weight.reshape(-1, 1)
    of_rows = torch.nn.functional.embedding(labels * counts, table)[..., 0] * counts
    picked = torch.nn.functional.nll_loss(log_p, labels, ignore_index=ignored, reduction="none")
    loss = (1 - smoothing) * of_rows * picked
    if smoothing:
        alike = torch.sum(log_p * weight.reshape(_beside(labels)), 1)
        loss = loss - smoothing / log_p.shape[1] * alike * counts
    if reduction == "mean":
        return torch.sum(loss) / torch.sum(of_rows)
    return reduced_in_torch(torch, loss, reduction)


def _beside(labels: Any) -> tuple[int, ...]:
    """Return the shape in which class weights stand beside (classes, ...) of every sample."""
    return (-1, *(1,) * (len(labels.shape) - 1))


@dataclass(frozen=True)
class _Words:
    """What a framework calls the functions that the losses of rows are joined with."""

    where: Native
    not_equal: Native
    total: Native
    take: Native
    reduced: Native


def _joined(
    words: _Words,
    labels: Any,
    weight: Any,
    ignore_index: int | None,
    reduction: str,
    losses: Callable[[Any], Any],
) -> Any:
    """Join the losses that `losses` makes from class numbers and the weights of their classes."""
    counts = None if ignore_index is None else words.not_equal(labels, ignore_index)
    named = labels if counts is None else words.where(counts, labels, 0)

    def kept(each: Any) -> Any:
        return each if counts is None else words.where(counts, each, 0)

    picked, alike = losses(named)
    of_rows = None if weight is None else words.take(weight, named)
    each = picked if of_rows is None else picked * of_rows
    loss = kept(each if alike is None else each + alike)
    if reduction != "mean" or (weight is None and counts is None):
        return words.reduced(loss, reduction)
    ones = picked * 0.0 + 1.0 if of_rows is None else of_rows
    return words.total(loss) / words.total(kept(ones))


def _tensorflow_words(tf: Any) -> _Words:
    return _Words(
        tf.where,
        tf.not_equal,
        tf.reduce_sum,
        tf.gather,
        lambda loss, reduction: reduced_in_tensorflow(tf, loss, reduction),
    )


def _tensorflow(
    tf: Any,
    logits: Any,
    labels: Any,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Any:
    """TensorFlow wants the classes last, and probabilities that add up to 1."""
    axes, classes = len(logits.shape), logits.shape[1]
    order = (0, *range(2, axes), 1)
    last = logits if axes == 2 else tf.transpose(logits, order)
    keep, part = 1 - label_smoothing, label_smoothing / classes
    if len(labels.shape) == axes:
        q = labels if axes == 2 else tf.transpose(labels, order)
        q = keep * q + part if label_smoothing else q
        if weight is None:
            loss = tf.nn.softmax_cross_entropy_with_logits(labels=q, logits=last)
        else:
            loss = -tf.reduce_sum(q * weight * tf.nn.log_softmax(last), axis=-1)
        return reduced_in_tensorflow(tf, loss, reduction)

    def losses(named: Any) -> Any:
        picked = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=named, logits=last)
        if not label_smoothing:
            return picked, None
        log_p = tf.nn.log_softmax(last)
        alike = tf.reduce_sum(log_p if weight is None else log_p * weight, axis=-1)
        return keep * picked, -part * alike

    return _joined(_tensorflow_words(tf), labels, weight, ignore_index, reduction, losses)


def _nll_tensorflow(
    tf: Any,
    log_p: Any,
    labels: Any,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
) -> Any:
    axes = len(log_p.shape)
    last = tf.transpose(log_p, (0, *range(2, axes), 1))

    def losses(named: Any) -> Any:
        return -tf.gather(last, named, batch_dims=axes - 1), None

    return _joined(_tensorflow_words(tf), labels, weight, ignore_index, reduction, losses)


def _jax_words(jax: Any) -> _Words:
    return _Words(
        jax.numpy.where,
        jax.numpy.not_equal,
        jax.numpy.sum,
        lambda weight, named: jax.numpy.take(weight, named, axis=0),
        lambda loss, reduction: reduced_in_jax(jax, loss, reduction),
    )


def _jax(
    jax: Any,
    logits: Any,
    labels: Any,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Any:
    jnp = jax.numpy
    log_p = jax.nn.log_softmax(logits, axis=1)
    keep, part = 1 - label_smoothing, label_smoothing / logits.shape[1]
    beside = None if weight is None else weight.reshape(-1, *(1,) * (len(logits.shape) - 2))
    weighted = log_p if beside is None else log_p * beside
    if len(labels.shape) == len(logits.shape):
        q = keep * labels + part if label_smoothing else labels
        return reduced_in_jax(jax, -jnp.sum(q * weighted, axis=1), reduction)

    def losses(named: Any) -> Any:
        picked = -jnp.take_along_axis(log_p, named[:, None], axis=1)[:, 0]
        if not label_smoothing:
            return picked, None
        return keep * picked, -part * jnp.sum(weighted, axis=1)

    return _joined(_jax_words(jax), labels, weight, ignore_index, reduction, losses)


def _nll_jax(
    jax: Any,
    log_p: Any,
    labels: Any,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
) -> Any:
    def losses(named: Any) -> Any:
        return -jax.numpy.take_along_axis(log_p, named[:, None], axis=1)[:, 0], None

    return _joined(_jax_words(jax), labels, weight, ignore_index, reduction, losses)


CROSS_ENTROPY = {"torch": _torch, "tensorflow": _tensorflow, "jax": _jax}
NLL = {"torch": _nll_torch, "tensorflow": _nll_tensorflow, "jax": _nll_jax}
