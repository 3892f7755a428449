"""How the frameworks spell connectionist temporal classification."""

from __future__ import annotations

from typing import Any

from gradcmp.ops.losses.reduction import reduced_in_jax, reduced_in_tensorflow


def _torch(
    torch: Any,
    logits: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """torch's kernel takes log_softmax, for which alone its gradient is right; float32 or more."""
    F = torch.nn.functional
    dtype = torch.promote_types(logits.dtype, torch.float32)
    loss = F.ctc_loss(
        F.log_softmax(logits, 2, dtype=dtype),
        targets,
        input_lengths,
        target_lengths,
        blank=blank,
        reduction=reduction,
        zero_infinity=zero_infinity,
    )
    return loss.to(logits.dtype)


def _tensorflow(
    tf: Any,
    logits: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """TensorFlow's kernel differentiates float32 alone."""
    single = tf.cast(logits, tf.float32)
    loss = tf.nn.ctc_loss(targets, single, target_lengths, input_lengths, blank_index=blank)
    loss = tf.cast(loss, logits.dtype)
    if zero_infinity:
        loss = tf.where(tf.math.is_inf(loss), 0, loss)
    if reduction == "mean":
        loss = loss / tf.cast(tf.maximum(target_lengths, 1), loss.dtype)
    return reduced_in_tensorflow(tf, loss, reduction)


def _jax(
    jax: Any,
    logits: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """JAX has none: alpha, scanned over the steps; a large negative number stands for log 0."""
    jnp = jax.numpy
    steps, samples = logits.shape[:2]
    states = 2 * targets.shape[1] + 1
    nothing = jnp.finfo(logits.dtype).min / 8
    label = jnp.full((samples, states), blank).at[:, 1::2].set(targets)
    skip = jnp.pad(jnp.not_equal(label[:, 2:], label[:, :-2]), ((0, 0), (min(2, states), 0)))
    every = jnp.broadcast_to(label, (steps, samples, states))
    e = jnp.take_along_axis(jax.nn.log_softmax(logits, axis=2), every, axis=2)

    def moved(alpha: Any, by: int) -> Any:
        padded = jnp.pad(alpha, ((0, 0), (by, 0)), constant_values=nothing)
        return padded[:, :states]

    def step(alpha: Any, at: Any) -> Any:
        two = jnp.where(skip, moved(alpha, 2), nothing)
        said = at[0] + jax.nn.logsumexp(jnp.stack([alpha, moved(alpha, 1), two]), axis=0)
        return jnp.where(jnp.less(at[1], input_lengths)[:, None], said, alpha), None

    first = jnp.where(jnp.less(jnp.arange(states), 2), e[0], nothing)
    alpha = jax.lax.scan(step, first, (e[1:], jnp.arange(1, steps)))[0]
    place, end = jnp.arange(states), 2 * target_lengths[:, None]
    ends = jnp.logical_or(jnp.equal(place, end), jnp.equal(place, end - 1))
    loss = -jax.nn.logsumexp(jnp.where(ends, alpha, nothing), axis=1)
    loss = jnp.where(jnp.greater(loss, -nothing / 2), 0.0 if zero_infinity else jnp.inf, loss)
    if reduction == "mean":
        loss = loss / jnp.maximum(target_lengths, 1).astype(loss.dtype)
    return reduced_in_jax(jax, loss, reduction)


NATIVE = {"torch": _torch, "tensorflow": _tensorflow, "jax": _jax}
