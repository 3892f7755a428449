"""The kernels again in JAX, as a port of each would read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.native.kernels.cross_entropy import IGNORED, SMOOTHING
from benchmarks.native.kernels.embedding import PADDING
from benchmarks.native.kernels.layer_norm import EPS as LAYER_EPS
from benchmarks.native.kernels.rms_norm import EPS as RMS_EPS


def softmax(x):
    return jax.nn.softmax(x)


def cross_entropy(x, target):
    kept = target != IGNORED
    log_p = jax.nn.log_softmax(x)
    place = jnp.where(kept, target, 0)[:, None]
    loss = -(1 - SMOOTHING) * jnp.take_along_axis(log_p, place, 1)[:, 0]
    loss = loss - SMOOTHING * log_p.mean(-1)
    return jnp.where(kept, loss, 0).sum() / kept.sum()


def soft_targets(x, t):
    return -(t * jax.nn.log_softmax(x)).sum(-1)


def layer_norm(x, w, b):
    z = x - x.mean(-1, keepdims=True)
    return z * jax.lax.rsqrt((z * z).mean(-1, keepdims=True) + LAYER_EPS) * w + b


def rms_norm(x, w):
    return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + RMS_EPS) * (1 + w)


def swiglu(a, b):
    return jax.nn.silu(a) * b


def gelu(x):
    return jax.nn.gelu(x, approximate=True)


def rotary(x, cos, sin):
    a, b = jnp.split(x, 2, -1)
    cos, sin = cos[:, None], sin[:, None]
    return jnp.concatenate([a * cos - b * sin, a * sin + b * cos], -1)


def attention(q, k, v):
    scores = q @ jnp.swapaxes(k, -1, -2) / q.shape[-1] ** 0.5
    seen = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    return jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)) @ v


def embedding(table, i):
    return table[i] * (i != PADDING)[:, None]


PORTS: dict[str, Callable[..., Any]] = {
    "softmax": softmax,
    "cross-entropy": cross_entropy,
    "soft targets": soft_targets,
    "layer norm": layer_norm,
    "RMS norm": rms_norm,
    "SwiGLU": swiglu,
    "GELU": gelu,
    "rotary": rotary,
    "attention": attention,
    "embedding": embedding,
}
