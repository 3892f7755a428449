"""Attention with a causal mask, in blocks of keys, from the logarithms of the sums of each row."""

import math

import torch
import torch.nn.functional as F

from benchmarks.native.kernels.planted import Kernel, blocks

KEYS = 8


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v):
        scores = q.float() @ k.float().mT / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(~causal(scores), -math.inf)
        lse = scores.logsumexp(-1, keepdim=True)
        o = (scores - lse).exp() @ v.float()
        ctx.save_for_backward(q, k, v, o, lse)
        return o.to(q.dtype)

    @staticmethod
    def backward(ctx, dy):
        return gradients(ctx, dy)


def causal(scores, later=0):
    rows, columns = (torch.arange(n, device=scores.device) for n in scores.shape[-2:])
    return columns <= rows[:, None] + later


def gradients(ctx, dy, whole=False, scale=1.0, delta=True, later=0, with_v=True):
    """Return dq, dk and dv, as FlashAttention 2 computes them."""
    q, k, v, o, lse = (one.float() for one in ctx.saved_tensors)
    do, root = dy.float(), 1 / math.sqrt(q.shape[-1])
    delta_ = (do * o).sum(-1, keepdim=True) if delta else 0.0
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    mask = causal(q @ k.mT, later)
    for keys in blocks(k.shape[-2], KEYS, whole):
        p = (q @ k[..., keys, :].mT * root - lse).exp() * mask[:, keys]
        dv[..., keys, :] = p.mT @ do
        ds = p * (do @ v[..., keys, :].mT - delta_) * root * scale
        dq += ds @ k[..., keys, :]
        dk[..., keys, :] = ds.mT @ q
    return tuple(one.to(dy.dtype) for one in (dq, dk, dv))


def eager(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


SHAPE = "normal:1x3x17x8"
KERNEL = Kernel(eager, Attention, {"q": SHAPE, "k": SHAPE, "v": SHAPE})


@KERNEL.planted("d q", "d k", cause="a factor of sqrt(8)")
def the_scale_is_missing(ctx, dy):
    return gradients(ctx, dy, scale=math.sqrt(8))


@KERNEL.planted("d q", "d k")
def the_sum_over_the_row_is_missing(ctx, dy):
    return gradients(ctx, dy, delta=False)


@KERNEL.planted("d q", "d k", "d v")
def the_mask_is_off_by_one(ctx, dy):
    return gradients(ctx, dy, later=-1)


@KERNEL.planted("d q", "d k", "d v", cause="zero at index 16 of axis 2")
def the_last_block_of_keys_is_left_out(ctx, dy):
    return gradients(ctx, dy, whole=True)


@KERNEL.planted("d q", "d k", cause="interchanged with 'd k'")
def queries_for_keys(ctx, dy):
    dq, dk, dv = gradients(ctx, dy)
    return dk, dq, dv


@KERNEL.planted("d v", cause="zero at index 2 of axis 1")
def right_in_float64_alone(ctx, dy):
    dq, dk, dv = gradients(ctx, dy)
    if dv.element_size() < 8:  # a warp that takes care of one head too few
        dv[:, -1] = 0
    return dq, dk, dv


@KERNEL.planted("d q", "d k", "d v", contiguous=True)
def contiguous_cotangents_are_assumed(ctx, dy):
    return gradients(ctx, dy.as_strided(dy.shape, torch.empty(dy.shape).stride()))
