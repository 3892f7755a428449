"""Softmax by rows, in blocks of them."""

import torch

from benchmarks.native.kernels.planted import Kernel, blocks, vectors

ROWS = 16


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.empty_like(x)
        for rows in blocks(len(x), ROWS):
            e = torch.exp(x[rows].float() - x[rows].float().amax(-1, keepdim=True))
            y[rows] = (e / e.sum(-1, keepdim=True)).to(x.dtype)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return _backward(y, dy)


def _backward(y, dy, total=lambda p: p.sum(-1, keepdim=True)):
    y32, dy32 = y.float(), dy.float()
    return (y32 * (dy32 - total(dy32 * y32))).to(y.dtype)


KERNEL = Kernel(lambda x: torch.softmax(x, -1), Softmax, {"x": "normal:37x30"})


@KERNEL.planted("d x", cause="'output' times 'd output' and nothing else")
def the_sum_over_the_row_is_missing(ctx, dy):
    (y,) = ctx.saved_tensors
    return y * dy


@KERNEL.planted("d x")
def the_sum_is_over_the_column(ctx, dy):
    (y,) = ctx.saved_tensors
    return _backward(y, dy, lambda p: p.sum(0, keepdim=True))


@KERNEL.planted("d x", cause="off by a multiple of 'output' in each row")
def a_mean_for_the_sum(ctx, dy):
    (y,) = ctx.saved_tensors
    return _backward(y, dy, lambda p: p.mean(-1, keepdim=True))


@KERNEL.planted("d x")
def the_diagonal_alone(ctx, dy):
    (y,) = ctx.saved_tensors
    return dy * y * (1 - y)


@KERNEL.planted("d x", cause="zero from row 32 on")
def the_last_block_is_left_out(ctx, dy):
    (y,) = ctx.saved_tensors
    dx = torch.zeros_like(y)
    for rows in blocks(len(y), ROWS, whole=True):
        dx[rows] = _backward(y[rows], dy[rows])
    return dx


@KERNEL.planted("d x", cause="zero from column")
def right_in_float64_alone(ctx, dy):
    (y,) = ctx.saved_tensors
    dx = _backward(y, dy)
    dx[:, vectors(dx.shape[1], dx) :] = 0  # what is no whole vector of 16 bytes is forgotten
    return dx


@KERNEL.planted("d x", contiguous=True)
def strides_of_the_value_for_the_cotangent(ctx, dy):
    (y,) = ctx.saved_tensors
    return _backward(y, dy.as_strided(y.shape, y.stride()))
