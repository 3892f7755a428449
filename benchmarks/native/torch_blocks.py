"""Blocks as people write them in torch, each with the draw of its inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Block:
    function: Callable[..., Any]
    inputs: Mapping[str, Any]


class Residual(nn.Module):
    """Two convolutions with batch norm, added to what came in."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.other = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, x):
        h = F.relu(self.norm(self.first(x)))
        return F.relu(x + self.other(self.second(h))).mean((2, 3))


class Llama(nn.Module):
    """RMS norm in float32, rotary embedding from a table, grouped heads, SwiGLU."""

    def __init__(self, width=32, heads=4, groups=2, length=12):
        super().__init__()
        self.heads, self.groups, self.size = heads, groups, width // heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * groups * self.size, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate, self.up = (nn.Linear(width, 64, bias=False) for _ in range(2))
        self.down = nn.Linear(64, width, bias=False)
        self.scale = nn.Parameter(torch.ones(2, width))
        rate = 10000.0 ** (-torch.arange(0, self.size, 2) / self.size)
        self.register_buffer("angle", torch.outer(torch.arange(length), rate))

    def norm(self, x, place):
        h = x.float()
        h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.scale[place] * h.to(x.dtype)

    def rotated(self, x):
        a, b = x.chunk(2, -1)
        cos, sin = self.angle.cos().to(x.dtype), self.angle.sin().to(x.dtype)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

    def forward(self, x):
        n, t, _ = x.shape
        h = self.norm(x, 0)
        q = self.rotated(self.q(h).view(n, t, self.heads, -1).transpose(1, 2))
        k, v = self.kv(h).view(n, t, 2, self.groups, -1).permute(2, 0, 3, 1, 4)
        k, v = (one.repeat_interleave(self.heads // self.groups, 1) for one in (self.rotated(k), v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(n, t, -1))
        h = self.norm(x, 1)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(x)
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, dy):
        x, s = ctx.saved_tensors
        return dy * (s + x * s * (1 - s))


def chain(x, w):
    for one in w:
        x = x + Swish.apply(x @ one) / 4
    return x


def language(tokens, table, w, targets):
    h = torch.tanh(F.embedding(tokens, table) @ w)
    return F.cross_entropy((h @ table.T).flatten(0, 1), targets.flatten())


def mixture(x, mean, log_scale, logit):
    z = (x[:, None] - mean) / log_scale.exp()
    density = -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1) - log_scale.sum(-1)
    return -torch.logsumexp(density + logit.log_softmax(-1), -1).mean()


def contrastive(x, y):
    scores = F.normalize(x) @ F.normalize(y).T / 0.05
    place = torch.arange(len(x), device=x.device)
    return (F.cross_entropy(scores, place) + F.cross_entropy(scores.T, place)) / 2


def autoencoder(x, noise, w, v, out):
    h = torch.tanh(x @ w)
    mean, log_variance = (h @ v).chunk(2, -1)
    z = mean + noise * (log_variance / 2).exp()
    loss = F.binary_cross_entropy_with_logits(z @ out, x.sigmoid(), reduction="sum")
    return loss - 0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()


def scan(x, a, b, c):
    state, outputs = torch.zeros_like(x[0] @ b), []
    for one in x:
        state = torch.sigmoid(a) * state + one @ b
        outputs.append(F.gelu(state @ c))
    return torch.stack(outputs)


def implicit(a, b):
    y = torch.linalg.solve(a + 4 * torch.eye(len(a), dtype=a.dtype), b)
    return (y * torch.tanh(y)).sum()


def blocks(seed: int) -> dict[str, Block]:
    """Draw every block anew."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)

    def normal(*shape, scale=1.0):
        return rng.normal(size=shape) * scale

    mlp = nn.Sequential(
        nn.Linear(20, 50), nn.Tanh(), nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 9)
    )
    encoder = nn.TransformerEncoderLayer(
        32, 4, 64, dropout=0.0, batch_first=True, activation="gelu", norm_first=True
    )
    tokens = rng.integers(0, 30, (4, 12))
    return {
        "MLP": Block(mlp, {"input": normal(32, 20)}),
        "convolutions, batch norm": Block(Residual(), {"x": normal(4, 4, 8, 8)}),
        "LSTM, 50 steps": Block(nn.LSTM(8, 16), {"input": normal(50, 4, 8)}),
        "encoder": Block(encoder, {"src": normal(4, 16, 32)}),
        "Llama": Block(Llama(), {"x": normal(2, 12, 32)}),
        "tied embedding": Block(
            language,
            {
                "tokens": tokens,
                "table": normal(30, 16),
                "w": normal(16, 16, scale=0.3),
                "targets": np.roll(tokens, -1, 1),
            },
        ),
        "Gaussian mixture": Block(
            mixture,
            {
                "x": normal(64, 3),
                "mean": normal(5, 3),
                "log_scale": normal(5, 3, scale=0.3),
                "logit": normal(5),
            },
        ),
        "contrastive": Block(contrastive, {"x": normal(24, 16), "y": normal(24, 16)}),
        "autoencoder": Block(
            autoencoder,
            {
                "x": normal(16, 20),
                "noise": normal(16, 4),
                "w": normal(20, 24, scale=0.3),
                "v": normal(24, 8, scale=0.3),
                "out": normal(4, 20, scale=0.5),
            },
        ),
        "residual chain of 30": Block(
            chain, {"x": normal(8, 16), "w": normal(30, 16, 16, scale=0.3)}
        ),
        "state space scan": Block(
            scan,
            {
                "x": normal(30, 4, 8),
                "a": normal(16),
                "b": normal(8, 16, scale=0.4),
                "c": normal(16, 8, scale=0.4),
            },
        ),
        "implicit solve": Block(implicit, {"a": normal(12, 12, scale=0.5), "b": normal(12, 3)}),
    }
