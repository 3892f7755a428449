"""Softmax and RMS norm as Triton kernels with a backward pass by hand, and bugs planted in them.

They need a GPU. Each row is one program; what a row lacks to a power of two is masked.
"""

import torch
import triton
import triton.language as tl

from benchmarks.native.kernels.planted import Kernel
from benchmarks.native.kernels.rms_norm import EPS, eager

WARPS = 4


@triton.jit
def _softmax(x, y, width, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    z = tl.load(x + row * width + i, mask=i < width, other=-float("inf")).to(tl.float32)
    e = tl.exp(z - tl.max(z, 0))
    tl.store(y + row * width + i, e / tl.sum(e, 0), mask=i < width)


@triton.jit
def _softmax_backward(y, dy, dx, width, stop, MEAN: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    p = tl.load(y + row * width + i, mask=i < width, other=0.0).to(tl.float32)
    g = tl.load(dy + row * width + i, mask=i < width, other=0.0).to(tl.float32)
    total = tl.sum(p * g, 0)
    if MEAN:
        total = total / width
    tl.store(dx + row * width + i, p * (g - total), mask=i < stop)


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x = x.contiguous()
        y = torch.empty_like(x)
        _softmax[(len(x),)](x, y, x.shape[1], BLOCK=block(x), num_warps=WARPS)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        return softmax_backward(ctx, dy.contiguous())


def block(x):
    return triton.next_power_of_2(x.shape[1])


def softmax_backward(ctx, dy, stop=None, mean=False):
    (y,) = ctx.saved_tensors
    dx = torch.zeros_like(y)
    width = y.shape[1]
    _softmax_backward[(len(y),)](
        y, dy, dx, width, stop or width, MEAN=mean, BLOCK=block(y), num_warps=WARPS
    )
    return dx


SOFTMAX = Kernel(lambda x: torch.softmax(x, -1), Softmax, {"x": "normal:37x1000"})


@SOFTMAX.planted("d x", cause="off by a multiple of 'output' in each row")
def a_mean_for_the_sum(ctx, dy):
    return softmax_backward(ctx, dy.contiguous(), mean=True)


@SOFTMAX.planted("d x")
def the_last_columns_are_masked(ctx, dy):
    return softmax_backward(ctx, dy.contiguous(), stop=992)


@SOFTMAX.planted("d x", contiguous=True)
def a_contiguous_cotangent_is_assumed(ctx, dy):
    return softmax_backward(ctx, dy)


@triton.jit
def _rms_norm(x, w, y, r, width, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    z = tl.load(x + row * width + i, mask=i < width, other=0.0).to(tl.float32)
    scale = 1 + tl.load(w + i, mask=i < width, other=0.0).to(tl.float32)
    root = tl.rsqrt(tl.sum(z * z, 0) / width + eps)
    tl.store(r + row, root)
    tl.store(y + row * width + i, z * root * scale, mask=i < width)


@triton.jit
def _rms_norm_backward(x, w, r, dy, dx, dw, length, width, padded, rows, BLOCK: tl.constexpr):
    part = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    inside = i < width
    scale = 1 + tl.load(w + i, mask=inside, other=0.0).to(tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    for row in range(part * rows, min((part + 1) * rows, length)):
        z = tl.load(x + row * width + i, mask=inside, other=0.0).to(tl.float32)
        u = tl.load(dy + row * width + i, mask=inside, other=0.0).to(tl.float32)
        root = tl.load(r + row)
        g = u * scale
        moment = tl.sum(g * z, 0) / padded
        tl.store(dx + row * width + i, root * g - root * root * root * z * moment, mask=inside)
        total += u * z * root
    tl.store(dw + part * width + i, total, mask=inside)


ROWS = 8


class RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        x, w = x.contiguous(), w.contiguous()
        y, r = torch.empty_like(x), torch.empty(len(x), dtype=torch.float32, device=x.device)
        _rms_norm[(len(x),)](x, w, y, r, x.shape[1], EPS, BLOCK=block(x), num_warps=WARPS)
        ctx.save_for_backward(x, w, r)
        return y

    @staticmethod
    def backward(ctx, dy):
        return rms_norm_backward(ctx, dy)


def rms_norm_backward(ctx, dy, padded=None, length=None, last=None):
    x, w, r = ctx.saved_tensors
    parts = triton.cdiv(len(x), ROWS)
    dx = torch.zeros_like(x)
    dw = torch.zeros(parts, x.shape[1], dtype=torch.float32, device=x.device)
    width = x.shape[1]
    _rms_norm_backward[(parts,)](
        *(x, w, r, dy.contiguous(), dx, dw, length or len(x), width, padded or width, ROWS),
        BLOCK=block(x),
        num_warps=WARPS,
    )
    return dx, dw[:last].sum(0).to(w.dtype)


RMS_NORM = Kernel(eager, RMSNorm, {"x": "normal:61x1000", "w": "normal:1000"})


@RMS_NORM.planted("d x", cause="off by a multiple of 'x' in each row")
def divided_by_the_padded_width(ctx, dy):
    return rms_norm_backward(ctx, dy, padded=1024)


@RMS_NORM.planted("d x", "d w")
def the_last_rows_are_left_out(ctx, dy):
    return rms_norm_backward(ctx, dy, length=56)


@RMS_NORM.planted("d w")
def the_last_part_of_the_weight_is_left_out(ctx, dy):
    return rms_norm_backward(ctx, dy, last=-1)


KERNELS = {"Triton softmax": SOFTMAX, "Triton RMS norm": RMS_NORM}
