"""The blocks of `tensorflow_blocks` in torch, JAX and NumPy, as people write them there."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F


def cross_entropy(x, labels, weight):
    rows = F.cross_entropy(x, labels.long(), ignore_index=-1, label_smoothing=0.1, reduction="none")
    kept = weight * (labels >= 0)
    return (rows * kept).sum() / kept.sum()


def feed_forward(x, gain, shift, w, v):
    h = F.layer_norm(x, x.shape[-1:], gain, shift, eps=1e-5)
    return x + F.gelu(h @ w, approximate="tanh") @ v


def swiglu(x, gain, gate, up, down):
    h = x / jnp.sqrt(jnp.mean(jnp.square(x), -1, keepdims=True) + 1e-6) * gain
    return (jax.nn.silu(h @ gate) * (h @ up)) @ down


def attention(q, k, v):
    def rotated(x):
        half = x.shape[-1] // 2
        angle = np.outer(np.arange(x.shape[-2]), 100.0 ** (-np.arange(half) / half))
        cos, sin = (torch.tensor(f(angle)).to(x.dtype) for f in (np.cos, np.sin))
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

    return F.scaled_dot_product_attention(rotated(q), rotated(k), v, is_causal=True)


def convolutions(x, kernel, bias, depthwise, point):
    h = F.conv2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), bias, stride=2).relu()
    h = F.conv2d(h, depthwise.permute(2, 3, 0, 1), padding=1, groups=len(bias))
    return F.conv2d(F.max_pool2d(h, 2, 1), point.permute(3, 2, 0, 1)).mean((2, 3))


def lstm(x, kernel, recurrent, bias):
    def step(carry, one):
        h, c = carry
        i, f, g, o = jnp.split(one @ kernel + h @ recurrent + bias, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    _, found = jax.lax.scan(step, (zero, zero), jnp.swapaxes(x, 0, 1))
    return jnp.swapaxes(found, 0, 1)


def keras_lstm(x, **weights):
    """What Keras calls its kernel is the transpose of torch's, in the same order of gates."""
    kernel, recurrent, bias = (
        weights[f"lstm_cell/{name}"] for name in ("kernel", "recurrent_kernel", "bias")
    )
    zero = x.new_zeros((1, len(x), len(recurrent)))
    flat = [kernel.T.contiguous(), recurrent.T.contiguous(), bias, torch.zeros_like(bias)]
    return torch.lstm(x, (zero, zero), flat, True, 1, 0.0, True, False, True)[0]


def batch_norm(x, **weights):
    def convolved(h, name):
        kernel = weights[f"{name}/kernel"].permute(3, 2, 0, 1)
        return F.conv2d(h, kernel, weights[f"{name}/bias"], padding=1)

    image = x.permute(0, 3, 1, 2)
    gamma, beta = weights["norm/gamma"], weights["norm/beta"]
    h = F.batch_norm(convolved(image, "first"), None, None, gamma, beta, training=True, eps=1e-5)
    return (convolved(h.relu(), "second") + image).permute(0, 2, 3, 1)


def mixture(x, mean, log_scale, logit):
    """By hand: the value and its gradients."""
    inverse = np.exp(-log_scale)
    z = (x[:, None] - mean) * inverse
    top = logit.max()
    weight = logit - top - np.log(np.exp(logit - top).sum())
    score = weight - 0.5 * (z * z + math.log(2 * math.pi)).sum(-1) - log_scale.sum(-1)
    high = score.max(-1, keepdims=True)
    e = np.exp(score - high)
    total = e.sum(-1, keepdims=True)
    value = -np.mean(high + np.log(total))
    p = e / total / len(x)
    dz = p[..., None] * z
    gradients = {
        "x": (dz * inverse).sum(1),
        "mean": -(dz * inverse).sum(0),
        "log_scale": -(dz * z).sum(0) + p.sum(0)[:, None],
        "logit": np.exp(weight) * p.sum() - p.sum(0),
    }
    return value, gradients


def contrastive(x, y):
    x, y = (one / jnp.linalg.norm(one, axis=-1, keepdims=True) for one in (x, y))
    scores = x @ y.T / 0.05
    one, other = (jnp.diag(jax.nn.log_softmax(s, -1)) for s in (scores, scores.T))
    return -jnp.mean(one + other) / 2


def chain(x, w):
    for one in w:
        x = x + jax.nn.swish(x @ one) / 4
    return x


def language(tokens, table, w, targets):
    h = torch.tanh(F.embedding(tokens, table) @ w)
    return F.cross_entropy((h @ table.T).flatten(0, 1), targets.flatten())


def autoencoder(x, noise, w, v, out):
    mean, log_variance = jnp.split(jnp.tanh(x @ w) @ v, 2, -1)
    logits, p = (mean + noise * jnp.exp(log_variance / 2)) @ out, jax.nn.sigmoid(x)
    loss = -(p * jax.nn.log_sigmoid(logits) + (1 - p) * jax.nn.log_sigmoid(-logits)).sum()
    return loss - 0.5 * (1 + log_variance - mean**2 - jnp.exp(log_variance)).sum()


def implicit(a, b):
    y = jnp.linalg.solve(a + 4 * jnp.eye(len(a), dtype=a.dtype), b)
    return (y * jnp.tanh(y)).sum()


def scan(x, a, b, c):
    def step(state, one):
        state = jax.nn.sigmoid(a) * state + one @ b
        return state, jax.nn.gelu(state @ c, approximate=False)

    zero = jnp.zeros((x.shape[1], b.shape[1]), x.dtype)
    return jax.lax.scan(step, zero, x)[1]
