"""How the frameworks spell attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def _scale(q: Any, scale: float | None) -> float:
    return 1 / math.sqrt(q.shape[-1]) if scale is None else scale


def _shares(q: Any, k: Any) -> int:
    """Return how many heads of queries share one of keys."""
    return int(q.shape[-3]) // int(k.shape[-3])


def _torch(
    torch: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    causal: bool = False,
    scale: float | None = None,
) -> Any:
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal, scale=scale, enable_gqa=_shares(q, k) > 1
    )


def _tensorflow(
    tf: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    causal: bool = False,
    scale: float | None = None,
) -> Any:
    if _shares(q, k) > 1:
        k, v = (tf.repeat(one, _shares(q, one), axis=-3) for one in (k, v))
    scores = tf.matmul(q, k, transpose_b=True) * _scale(q, scale)
    seen = mask
    if causal:
        seen = tf.linalg.band_part(tf.ones(scores.shape[-2:], tf.bool), -1, 0)
    elif mask is not None and mask.dtype.is_floating:
        seen = tf.not_equal(mask, -np.inf)
        scores = scores + tf.where(seen, mask, 0)
    if seen is None:
        return tf.matmul(tf.nn.softmax(scores), v)
    p = tf.nn.softmax(tf.where(seen, scores, scores.dtype.min))
    return tf.matmul(tf.where(seen, p, 0), v)


def _jax(
    jax: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    causal: bool = False,
    scale: float | None = None,
) -> Any:
    """Not jax.nn.dot_product_attention: its softmax is float32 in float64, too.

    Nor can it be compiled in float16 for a CPU.
    """
    jnp = jax.numpy
    if _shares(q, k) > 1:
        k, v = (jnp.repeat(one, _shares(q, one), axis=-3) for one in (k, v))
    scores = q @ jnp.swapaxes(k, -1, -2) * _scale(q, scale)
    seen = mask
    if causal:
        seen = jnp.tri(*scores.shape[-2:], dtype=bool)
    elif mask is not None and mask.dtype.kind != "b":
        seen = jnp.not_equal(mask, -np.inf)
        scores = scores + jnp.where(seen, mask, 0)
    if seen is None:
        return jax.nn.softmax(scores) @ v
    p = jax.nn.softmax(jnp.where(seen, scores, jnp.finfo(scores.dtype).min))
    return jnp.where(seen, p, 0) @ v


NATIVE = {"torch": _torch, "tensorflow": _tensorflow, "jax": _jax}
