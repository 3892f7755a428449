"""SwiGLU, silu(a) * b, over the elements as they lie in memory."""

import torch
import torch.nn.functional as F

from benchmarks.native.kernels.planted import Kernel, blocks, vectors

BLOCK = 512


class SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        s = torch.sigmoid(a.float())
        return (a.float() * s * b.float()).to(a.dtype)

    @staticmethod
    def backward(ctx, dy):
        a, b = ctx.saved_tensors
        da, db = slopes(a.float(), b.float(), dy.float())
        return da.to(a.dtype), db.to(b.dtype)


def slopes(a, b, dy):
    s = torch.sigmoid(a)
    return dy * b * (s + a * s * (1 - s)), dy * a * s


KERNEL = Kernel(
    lambda a, b: F.silu(a) * b,
    SwiGLU,
    {"a": "normal:12x131", "b": "normal:12x131"},
)


@KERNEL.planted("d a")
def the_derivative_of_the_sigmoid_is_missing(ctx, dy):
    a, b = ctx.saved_tensors
    _, db = SwiGLU.backward(ctx, dy)
    return dy * b * torch.sigmoid(a), db


@KERNEL.planted("d a")
def a_plus_for_the_minus(ctx, dy):
    a, b = ctx.saved_tensors
    s = torch.sigmoid(a)
    return dy * b * (s - a * s * (1 - s)), SwiGLU.backward(ctx, dy)[1]


@KERNEL.planted("d a", "d b", cause="interchanged with 'd b'")
def gradients_in_the_wrong_order(ctx, dy):
    return SwiGLU.backward(ctx, dy)[::-1]


@KERNEL.planted("d b", cause="'a' times 'd output' and nothing else")
def the_gate_without_the_sigmoid(ctx, dy):
    a, _ = ctx.saved_tensors
    return SwiGLU.backward(ctx, dy)[0], dy * a


@KERNEL.planted("d a", "d b", cause="zero from element 1536 of 1572 on")
def the_last_block_is_left_out(ctx, dy):
    a, b = ctx.saved_tensors
    da, db = torch.zeros_like(a), torch.zeros_like(b)
    for part in blocks(a.numel(), BLOCK, whole=True):
        one = [x.reshape(-1)[part].float() for x in (a, b, dy)]
        left, right = slopes(*one)
        da.view(-1)[part], db.view(-1)[part] = left.to(a.dtype), right.to(b.dtype)
    return da, db


@KERNEL.planted("d b", cause="zero from column")
def right_in_float64_alone(ctx, dy):
    da, db = SwiGLU.backward(ctx, dy)
    db[:, vectors(130, db) :] = 0
    return da, db


@KERNEL.planted("d a", "d b", contiguous=True)
def contiguous_cotangents_are_assumed(ctx, dy):
    return SwiGLU.backward(ctx, dy.as_strided(dy.shape, (dy.shape[1], 1)))
