"""Families of operations, each as a function of named inputs: what the noise rules must cover."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils.checkpoint import checkpoint

sys.path.insert(0, str(Path(__file__).parents[3]))  # where the benchmarks are

from benchmarks.native.torch_blocks import Swish
from gradcmp.dtypes import FORMATS
from gradcmp.dtypes.arrays import numpy_dtype
from gradcmp.errors import InputError
from gradcmp.judge.noise.calibration import pool
from gradcmp.native.outcome import Outcome
from gradcmp.native.torch.engine import Side, is_real, prepare

REPLICAS = 8
RNG = np.random.default_rng(20)
PLACES = np.array([0, 1, 1, 2, 0, 3, 3, 3])


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return RNG.uniform(0.2, 2.0, size=shape)


class NumpySoftplus(torch.autograd.Function):
    """A forward pass in NumPy: what it rounds there is not seen."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.from_numpy(np.log1p(np.exp(x.detach().numpy())))

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * torch.sigmoid(x)


def in_place(x):
    h = x * 2
    h += 1
    h.mul_(x)
    h.exp_()
    h = h + 0
    h[0] = h[1] * 2
    return h.log_().div_(3)


def views(x):
    y = x.t().reshape(4, 12)[:, ::2] * x.view(-1)[:24].view(4, 6)
    return y.unfold(1, 3, 1).flip(0).roll(1, 0) + torch.diagonal(x[:4, :4]).sum()


def elementary(x):
    return torch.stack(
        [f(x) for f in (torch.exp, torch.log, torch.sqrt, torch.rsqrt, torch.sin, torch.tanh)]
        + [f(x) for f in (torch.erf, torch.sigmoid, torch.log1p, torch.expm1, torch.atan)]
        + [x.pow(3), x**-0.5, x**1.7, 1 / x, x.square()]
    )


def activations(x):
    smooth = (F.gelu, F.silu, F.softplus, F.elu, F.selu, F.mish, F.logsigmoid, F.softsign)
    broken = (F.leaky_relu, F.relu, F.relu6, F.hardtanh, F.hardswish, F.hardsigmoid, F.softshrink)
    return torch.stack([f(x) for f in smooth + broken] + [F.gelu(x, approximate="tanh")])


def softmaxes(x):
    y = F.softmax(x, -1) + F.log_softmax(x, 0) + F.softmin(x, -1)
    return y + torch.logsumexp(x, 1, keepdim=True)


def losses(x, t):
    classes, shares = t.argmax(-1), t.softmax(-1)
    return torch.stack(
        [
            F.cross_entropy(x, classes),
            F.cross_entropy(x, shares, label_smoothing=0.1),
            F.mse_loss(x, t),
            F.smooth_l1_loss(x, t),
            F.kl_div(F.log_softmax(x, -1), shares, reduction="batchmean"),
            F.binary_cross_entropy_with_logits(x, t.sigmoid()),
            F.binary_cross_entropy(x.sigmoid(), t.sigmoid()),
            F.nll_loss(x.log_softmax(-1), classes),
        ]
    )


def reductions(x):
    sums = (x.sum(-1), x.mean(-1), x.var(-1), x.std(-1), x.norm(dim=-1), x.prod(-1))
    chosen = (x.amax(-1), x.max(-1).values, x.median(-1).values, x.sort(-1).values[:, 2])
    return torch.stack([*sums, *chosen, x.topk(3, -1).values[:, 1], x.norm(3, dim=-1)])


def matmuls(x, w, b):
    return torch.cat(
        [
            F.linear(x, w, b),
            torch.einsum("ij,kj->ik", x, w),
            torch.addmm(b, x, w.T, alpha=0.3, beta=2.0),
            torch.bmm(x[None], w.T[None])[0],
            torch.outer(x[0], b),
        ]
    )


def indexing(x, i, v):
    wide = i[:, None].expand(8, 4)
    y = v.new_zeros(5, 4).index_add(0, i, v) + v.new_zeros(5, 4).scatter_add(0, wide, v * 2)
    y = y + v.new_zeros(5, 4).index_put((i,), v * 3, accumulate=True)
    return y + x[i][:5] * x.gather(0, wide[:5])


def pools(x):
    found = (F.avg_pool2d(x, 2), F.max_pool2d(x, 2), F.adaptive_avg_pool2d(x, 3))
    return torch.cat([one.flatten() for one in (*found, F.avg_pool2d(x, 3, 1, 1))])


def interpolations(x):
    modes = [F.interpolate(x, size=(9, 7), mode=one) for one in ("bilinear", "bicubic")]
    edges = [F.pad(x, (1, 1, 1, 1), mode=one) for one in ("reflect", "replicate")]
    folded = F.fold(F.unfold(x * 2, 3), (6, 6), 3)
    return torch.cat([one.flatten() for one in (*modes, *edges, folded)])


def branches(x, y):
    z = torch.maximum(x, y) * torch.minimum(x, y * 2) + torch.clamp(x, -0.5, 0.5)
    return z + torch.where(x > y, x.exp(), y.sin()) + x.sign() * y + (x - y).abs()


def solvers(a, b):
    near = a + 3 * torch.eye(5, dtype=a.dtype)
    y = torch.linalg.solve(near, b) + torch.linalg.inv(near) @ b
    return y + torch.linalg.solve_triangular(near, b, upper=True)


def remat(x, w):
    return checkpoint(lambda a, b: torch.tanh(a @ b).relu(), x, w, use_reentrant=False) @ w


@dataclass(frozen=True)
class Family:
    """A function at given inputs."""

    function: Callable[..., Any]
    inputs: dict[str, Any]
    low: bool = True  # whether it runs in bfloat16


def attention(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def masked(q, k, v, m):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=m)


QKV = {name: normal(2, 2, 5, 4) for name in "qkv"}
SEQUENCE = {"input": normal(5, 2, 4)}


def modules():
    torch.manual_seed(3)
    mha = nn.MultiheadAttention(8, 2, batch_first=True)
    norms = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.GroupNorm(2, 4))
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, activation="gelu")
    return {
        "LSTM": Family(nn.LSTM(4, 5, bidirectional=True), SEQUENCE),
        "GRU": Family(nn.GRU(4, 5), SEQUENCE),
        "MHA": Family(mha, {one: normal(2, 5, 8) for one in ("query", "key", "value")}),
        "encoder": Family(layer, {"src": normal(2, 5, 8)}),
        "batch norm": Family(norms, {"input": normal(4, 3, 5, 5)}),
        "layer norm": Family(
            nn.Sequential(nn.LayerNorm(8), nn.RMSNorm(8)), {"input": normal(9, 8)}
        ),
    }


FAMILIES = {
    "product": Family(lambda x, y: x * y, {"x": normal(6, 7), "y": normal(6, 7)}),
    "elementary": Family(elementary, {"x": positive(4, 5)}),
    "activations": Family(activations, {"x": normal(6, 8)}),
    "softmaxes": Family(softmaxes, {"x": normal(6, 8)}),
    "losses": Family(losses, {"x": normal(6, 8), "t": normal(6, 8)}),
    "reductions": Family(reductions, {"x": normal(6, 8)}),
    "cumulative": Family(lambda x: x.cumsum(1) + x.cumprod(1), {"x": normal(6, 8)}),
    "matmuls": Family(matmuls, {"x": normal(5, 8), "w": normal(7, 8), "b": normal(7)}),
    "convolution": Family(
        lambda x, w, b: F.conv2d(x, w, b, padding=1, stride=2),
        {"x": normal(2, 4, 9, 9), "w": normal(6, 4, 3, 3), "b": normal(6)},
    ),
    "transposed": Family(
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2),
        {"x": normal(2, 4, 5, 5), "w": normal(4, 3, 3, 3), "b": normal(3)},
    ),
    "pools": Family(pools, {"x": normal(2, 3, 8, 8)}),
    "interpolations": Family(interpolations, {"x": normal(1, 4, 6, 6)}),
    "embedding": Family(lambda w, i: F.embedding(i, w) * 2, {"w": normal(5, 4), "i": PLACES}),
    "indexing": Family(indexing, {"x": normal(5, 4), "i": PLACES, "v": normal(8, 4)}),
    "views": Family(views, {"x": normal(6, 8)}),
    "in place": Family(in_place, {"x": positive(4, 6)}),
    "function": Family(Swish.apply, {"x": normal(4, 6)}),
    "NumPy inside": Family(NumpySoftplus.apply, {"x": normal(4, 6)}, low=False),
    "checkpoint": Family(remat, {"x": normal(6, 6), "w": normal(6, 6)}),
    "attention": Family(attention, QKV),
    "masked attention": Family(masked, {**QKV, "m": np.tri(5) > 0}),
    "branches": Family(branches, {"x": normal(6, 8), "y": normal(6, 8)}),
    "solvers": Family(solvers, {"a": normal(5, 5), "b": normal(5, 2)}, low=False),
    "dropout": Family(lambda x: F.dropout(x, 0.5) * x, {"x": normal(6, 8)}),
    "vmap": Family(
        lambda x, w: torch.func.vmap(lambda row: torch.tanh(row @ w))(x),
        {"x": normal(4, 6), "w": normal(6, 5)},
    ),
    "double backward": Family(
        lambda x: torch.autograd.grad((x.tanh() ** 3).sum(), x, create_graph=True)[0],
        {"x": normal(4, 6)},
    ),
    **modules(),
}


@dataclass(frozen=True)
class Measured:
    """The noise of each array beside the error that torch has made."""

    plain: Outcome
    clean: Outcome
    noise: dict[str, Any]
    replicas: list[Outcome]
    jumps: dict[str, Any]

    def error(self, name):
        return np.asarray(self.plain.tensors[name], np.float64) - self.clean.tensors[name]

    def ratio(self, name):
        return rms(self.noise[name]) / rms(self.error(name))


def rms(array):
    return float(np.sqrt(np.mean(np.square(array)))) or 1e-300


def with_cotangents(side: Side, dtype: str) -> Side:
    """Draw a cotangent for each output that needs one."""
    while True:
        try:
            outputs = side.plain(dtype).outputs
        except InputError as error:
            name = str(error).split("'")[1]
            shape = str(error).split("shape ")[1].split(" ")[0]
            drawn = np.random.default_rng(9).normal(size=tuple(map(int, shape.split("×"))))
            given = drawn.astype(numpy_dtype(dtype)).astype(np.float64)
            side = replace(side, cotangents={**side.cotangents, name: given})
        else:
            assert outputs
            return side


def prepared(family: Family, dtype: str) -> Side:
    """Return a side whose inputs, parameters and cotangents the dtype holds."""
    given = {**prepare(family.function, family.inputs).parameters, **family.inputs}
    held = {
        name: array.astype(numpy_dtype(dtype)).astype(np.float64) if is_real(array) else array
        for name, array in given.items()
    }
    return with_cotangents(prepare(family.function, held, watched=False), dtype)


@lru_cache
def measured(name: str, dtype: str) -> Measured:
    """Run a family plain, clean and with noise."""
    side = prepared(FAMILIES[name], dtype)
    plain, clean, replicas = side.plain(dtype), side.clean(dtype), side.noisy(dtype, REPLICAS)
    noise = {}
    for one, base in clean.tensors.items():
        stack = np.stack([base, *(replica.tensors[one] for replica in replicas)])
        noise[one] = pool(stack, FORMATS[dtype], 1 + FORMATS[dtype].only_stores).s
    jumps = {}
    if max(one.near for one in replicas):  # what another branch makes of it is no noise
        for way in side.ways(dtype, 24):
            for one, base in clean.tensors.items():
                jumps[one] = np.maximum(jumps.get(one, 0.0), np.abs(way.tensors[one] - base))
    return Measured(plain, clean, noise, replicas, jumps)
