"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcmp.ops.primitives import constant, product, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.static import require_bool
from gradcmp.ops.tails import precise, softmax_pullback_precisely


def _infer(q: ArraySpec, k: ArraySpec, v: ArraySpec, causal: bool = False) -> ArraySpec:
    for spec in (q, k, v):
        require_float(spec)
        if len(spec.shape) not in (3, 4) or 0 in spec.shape:
            raise ShapeError(
                f"shape {spec.shape} is not (heads, length, width) or "
                "(batch, heads, length, width), each at least 1"
            )
    require_bool("causal", causal)
    if k.shape != v.shape:
        raise ShapeError(f"keys {k.shape} and values {v.shape} differ in shape")
    if q.shape[:-2] != k.shape[:-2] or q.shape[-1] != k.shape[-1]:
        raise ShapeError(f"queries {q.shape} and keys {k.shape} differ beyond their lengths")
    if causal and q.shape != k.shape:
        # Which query sees which key is then a convention that frameworks do not share.
        raise ShapeError(f"causal with {q.shape[-2]} queries and {k.shape[-2]} keys is ambiguous")
    return q


def scaled_dot_product_attention(
    q: Array, k: Array, v: Array, causal: bool = False
) -> tuple[Array, Pullback]:
    """softmax(q @ k^T / sqrt(width)) @ v; with `causal` no query sees a later key.

    VJP: with weights p = softmax(s): dv = p^T @ dy, dp = dy @ v^T,
    ds = p * (dp - <dy, y>) / sqrt(width), dq = ds @ k, dk = ds^T @ q.
    Ref: Vaswani et al. (2017).
    """
    scale = constant(1 / math.sqrt(np.shape(q)[-1]), q)
    scores = product(q, np.swapaxes(k, -1, -2)) * scale
    seen = np.tri(np.shape(q)[-2], np.shape(k)[-2], dtype=bool) if causal else np.True_
    # What is not seen must not decide how the others are shifted: it takes its row's smallest.
    kept = np.where(seen, scores, np.min(np.real(scores), axis=-1, keepdims=True))
    e = np.where(seen, np.exp(kept - np.max(np.real(kept), axis=-1, keepdims=True)), 0)
    p = e / total(e, -1, keepdims=True)
    y = product(p, v)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        # <dy, y> is <dp, p>, as kernels that never hold all of p take it (Dao et al., 2022):
        # two sums of their own, whose rounding errors do not cancel.
        dp = product(dy, np.swapaxes(v, -1, -2))
        ds = scale * precise(
            lambda dp, p, dy, y: p * (dp - total(dy * y, -1, keepdims=True)),
            lambda dp, p, *_: softmax_pullback_precisely(dp, p, -1),
            *(dp, p, dy, y),
        )
        dk = product(np.swapaxes(ds, -1, -2), q)
        return product(ds, k), dk, product(np.swapaxes(p, -1, -2), dy)

    return y, pullback


def _tensorflow(tf: Any, q: Any, k: Any, v: Any, causal: bool = False) -> Any:
    scores = tf.matmul(q, k, transpose_b=True) / math.sqrt(q.shape[-1])
    if causal:
        seen = tf.linalg.band_part(tf.ones(scores.shape[-2:], tf.bool), -1, 0)
        scores = tf.where(seen, scores, scores.dtype.min)
    return tf.matmul(tf.nn.softmax(scores), v)


def _jax(jax: Any, q: Any, k: Any, v: Any, causal: bool = False) -> Any:
    """Not jax.nn.dot_product_attention: its softmax is float32 in float64, too.

    Nor can it be compiled in float16 for a CPU.
    """
    jnp = jax.numpy
    scores = q @ jnp.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    if causal:
        scores = jnp.where(jnp.tri(*scores.shape[-2:], dtype=bool), scores, -jnp.inf)
    return jax.nn.softmax(scores) @ v


def _torch(torch: Any, q: Any, k: Any, v: Any, causal: bool = False) -> Any:
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)


register(
    Op(
        "scaled_dot_product_attention",
        scaled_dot_product_attention,
        infer=_infer,
        native={"torch": _torch, "tensorflow": _tensorflow, "jax": _jax},
        examples=(
            Example(
                "scaled_dot_product_attention(q, k, v)",
                {"q": (2, 2, 3, 4), "k": (2, 2, 5, 4), "v": (2, 2, 5, 4)},
            ),
            Example(
                "scaled_dot_product_attention(q, k, v, causal=True)",
                {"q": (2, 4, 3), "k": (2, 4, 3), "v": (2, 4, 3)},
            ),
        ),
        loses_digits=True,
    )
)
