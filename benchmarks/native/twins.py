"""Functions that are written twice, as a port or a second author would: all of them are right.

The second one takes `spoil`, which it hands an intermediate result: what changes its gradient there
makes a mutant of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.native.torch_blocks import autoencoder, contrastive, mixture


@dataclass(frozen=True)
class Twins:
    """Attributes
    ----------
    others : mapping of str to callable
        By framework, the function again.
    """

    first: Callable[..., Any]
    others: Mapping[str, Callable[..., Any]]
    inputs: Callable[[np.random.Generator], Mapping[str, Any]]


def normal(rng, *shape, scale=1.0):
    return rng.normal(size=shape) * scale


def perceptron(x, w, b, v):
    return F.linear(F.gelu(F.linear(x, w, b)), v)


def perceptron_again(x, w, b, v, spoil=lambda h: h):
    h = spoil(x @ w.T + b)
    return (0.5 * h * (1 + torch.erf(h * math.sqrt(0.5)))) @ v.T


def perceptron_jax(x, w, b, v):
    import jax

    return jax.nn.gelu(x @ w.T + b, approximate=False) @ v.T


def classifier(x, w, b, target):
    return F.cross_entropy(F.linear(torch.tanh(x), w, b), target)


def classifier_again(x, w, b, target, spoil=lambda h: h):
    z = spoil(torch.einsum("nk,ck->nc", torch.tanh(x), w) + b)
    return (torch.logsumexp(z, 1) - z[torch.arange(len(z)), target]).mean()


def classifier_jax(x, w, b, target):
    import jax
    import jax.numpy as jnp

    log_p = jax.nn.log_softmax(jnp.tanh(x) @ w.T + b)
    return -jnp.take_along_axis(log_p, target[:, None], 1).mean()


def classifier_by_hand(x, w, b, target):
    h = np.tanh(x)
    z = h @ w.T + b
    p = np.exp(z - z.max(1, keepdims=True))
    p = p / p.sum(1, keepdims=True)
    n = np.arange(len(x))
    dz = (p - (target[:, None] == np.arange(len(w)))) / np.asarray(len(x), x.dtype)
    gradients = {"x": dz @ w * (1 - h * h), "w": dz.T @ h, "b": dz.sum(0)}
    return -np.log(p[n, target]).mean(), gradients


def mixture_again(x, mean, log_scale, logit, spoil=lambda h: h):
    z = spoil((x[:, None, :] - mean[None]) * torch.exp(-log_scale))
    rows = -0.5 * (z**2).sum(2) - log_scale.sum(1) - 0.5 * x.shape[1] * math.log(2 * math.pi)
    weight = logit - torch.logsumexp(logit, 0)
    top = (rows + weight).max(1, keepdim=True).values
    return -((rows + weight - top).exp().sum(1).log() + top[:, 0]).mean()


def mixture_jax(x, mean, log_scale, logit):
    import jax
    import jax.numpy as jnp

    z = (x[:, None] - mean) / jnp.exp(log_scale)
    rows = -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1) - log_scale.sum(-1)
    return -jax.nn.logsumexp(rows + jax.nn.log_softmax(logit), -1).mean()


def contrastive_again(x, y, spoil=lambda h: h):
    x, y = (a / a.square().sum(1, keepdim=True).sqrt() for a in (x, y))
    scores = spoil(torch.einsum("nk,mk->nm", x, y) * 20)
    both = scores.log_softmax(1).diagonal() + scores.log_softmax(0).diagonal()
    return -both.mean() / 2


def autoencoder_again(x, noise, w, v, out, spoil=lambda h: h):
    mean, log_variance = spoil(torch.tanh(x @ w) @ v).chunk(2, 1)
    z = mean + noise * log_variance.exp().sqrt()
    logits, t = z @ out, torch.sigmoid(x)
    loss = torch.clamp(logits, min=0) - logits * t + torch.log1p(torch.exp(-logits.abs()))
    return loss.sum() + 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).sum()


def recurrent(x, w, u, b):
    h = c = torch.zeros_like(x[0] @ w[: len(w) // 4].T)
    found = []
    for one in x:
        i, f, g, o = (one @ w.T + h @ u.T + b).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        found.append(h)
    return torch.stack(found)


def recurrent_again(x, w, u, b, spoil=lambda h: h):
    state = x.new_zeros(2, x.shape[1], u.shape[1])
    weights, flags = [w, u, b, torch.zeros_like(b)], (True, 1, 0.0, False, False, False)
    return torch._VF.lstm(spoil(x), (state[:1], state[1:]), weights, *flags)[0]


def attended(x, q, k, v):
    a, b, c = (F.linear(x, w).unflatten(-1, (4, -1)).transpose(1, 2) for w in (q, k, v))
    y = F.scaled_dot_product_attention(a, b, c, is_causal=True)
    return F.layer_norm(x + y.transpose(1, 2).flatten(2), x.shape[2:])


def attended_again(x, q, k, v, spoil=lambda h: h):
    n, t, width = x.shape
    a, b, c = ((x @ w.mT).reshape(n, t, 4, width // 4).permute(0, 2, 1, 3) for w in (q, k, v))
    mask = torch.ones(t, t, dtype=torch.bool, device=x.device).tril()
    scores = (a / math.sqrt(width // 4)) @ spoil(b).mT
    p = scores.masked_fill(~mask, -math.inf).softmax(-1)
    h = x + (p @ c).permute(0, 2, 1, 3).reshape(n, t, width)
    centred = h - h.mean(-1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + 1e-5)


TWINS = {
    "perceptron": Twins(
        perceptron,
        {"torch": perceptron_again, "jax": perceptron_jax},
        lambda rng: {
            "x": normal(rng, 16, 12),
            "w": normal(rng, 20, 12, scale=0.4),
            "b": normal(rng, 20),
            "v": normal(rng, 5, 20, scale=0.4),
        },
    ),
    "classifier": Twins(
        classifier,
        {"torch": classifier_again, "jax": classifier_jax, "numpy": classifier_by_hand},
        lambda rng: {
            "x": normal(rng, 20, 12),
            "w": normal(rng, 7, 12),
            "b": normal(rng, 7),
            "target": rng.integers(0, 7, 20),
        },
    ),
    "Gaussian mixture": Twins(
        mixture,
        {"torch": mixture_again, "jax": mixture_jax},
        lambda rng: {
            "x": normal(rng, 40, 3),
            "mean": normal(rng, 5, 3),
            "log_scale": normal(rng, 5, 3, scale=0.3),
            "logit": normal(rng, 5),
        },
    ),
    "contrastive": Twins(
        contrastive,
        {"torch": contrastive_again},
        lambda rng: {"x": normal(rng, 18, 12), "y": normal(rng, 18, 12)},
    ),
    "autoencoder": Twins(
        autoencoder,
        {"torch": autoencoder_again},
        lambda rng: {
            "x": normal(rng, 12, 14),
            "noise": normal(rng, 12, 3),
            "w": normal(rng, 14, 18, scale=0.3),
            "v": normal(rng, 18, 6, scale=0.3),
            "out": normal(rng, 3, 14, scale=0.5),
        },
    ),
    "LSTM": Twins(
        recurrent,
        {"torch": recurrent_again},
        lambda rng: {
            "x": normal(rng, 8, 4, 6),
            "w": normal(rng, 32, 6, scale=0.4),
            "u": normal(rng, 32, 8, scale=0.4),
            "b": normal(rng, 32, scale=0.4),
        },
    ),
    "attention, layer norm": Twins(
        attended,
        {"torch": attended_again},
        lambda rng: {
            "x": normal(rng, 2, 9, 16),
            **{name: normal(rng, 16, 16, scale=0.3) for name in "qkv"},
        },
    ),
}
