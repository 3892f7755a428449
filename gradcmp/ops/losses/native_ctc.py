"""How the frameworks spell connectionist temporal classification."""

from __future__ import annotations

from typing import Any

from gradcmp.ops.losses.reduction import reduced_in_jax, reduced_in_tensorflow, reduced_in_torch


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
    """torch's kernel takes log_softmax, for which alone its gradient is right; float32 or more.

    Compiled it cannot be, because the shape of what it saves depends on numbers: there it is
    composed of others.
    """
    dtype = torch.promote_types(logits.dtype, torch.float32)
    log_p = torch.nn.functional.log_softmax(logits, 2, dtype=dtype)
    rest = targets, input_lengths, target_lengths, blank
    if torch.compiler.is_compiling() is True:
        loss = _composed_torch(torch, log_p, *rest)
        if zero_infinity:
            loss = torch.where(torch.isinf(loss), 0.0, loss)
        if reduction == "mean":
            loss = loss / torch.clamp(target_lengths, min=1)
        loss = reduced_in_torch(torch, loss, reduction)
    else:
        loss = torch.nn.functional.ctc_loss(
            log_p, *rest, reduction=reduction, zero_infinity=zero_infinity
        )
    return loss.to(logits.dtype)


def _composed_torch(
    torch: Any, log_p: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int
) -> Any:
    """Return the loss of each sample by alpha; a large negative number stands for log 0."""
    steps, samples, labels = log_p.shape[0], log_p.shape[1], targets.shape[1]
    states, nothing = 2 * labels + 1, torch.finfo(log_p.dtype).min / 8
    pairs = torch.stack([torch.full_like(targets, blank), targets], 2).reshape(samples, -1)
    label = torch.cat([pairs, torch.full_like(input_lengths, blank)[:, None]], 1)
    differ = torch.nn.functional.pad(label[:, 2:] != label[:, :-2], (min(2, states), 0))
    e = torch.gather(log_p, 2, label.expand(steps, samples, states))

    def moved(alpha: Any, by: int) -> Any:
        return torch.nn.functional.pad(alpha, (by, 0), value=nothing)[:, :states]

    place = torch.arange(states, device=log_p.device)
    end = 2 * target_lengths[:, None]
    alpha = torch.where(place < 2, e[0], nothing)
    for t in range(1, steps):
        two = torch.where(differ, moved(alpha, 2), nothing)
        said = e[t] + torch.logsumexp(torch.stack([alpha, moved(alpha, 1), two]), 0)
        alpha = torch.where((t < input_lengths)[:, None], said, alpha)
    ends = (place == end) | (place == end - 1)
    loss = -torch.logsumexp(torch.where(ends, alpha, nothing), 1)
    return torch.where(loss > -nothing / 2, torch.inf, loss)


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
        loss = tf.where(tf.math.is_finite(loss), loss, 0)
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
