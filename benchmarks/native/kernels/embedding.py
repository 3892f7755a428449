"""Rows of a table, some taken several times; one of them is padding, which stands for zeros."""

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.native.kernels.planted import Kernel, vectors

PADDING, BLOCK = 2, 8
INDICES = np.array([4, 1, 4, 0, 2, 9, 4, 6, 1, 5, 2, 10, 6])  # 3, 7 and 8 are never taken


class Embedding(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table, i):
        ctx.save_for_backward(i)
        ctx.shape = table.shape
        return table[i] * (i != PADDING)[:, None]

    @staticmethod
    def backward(ctx, dy):
        (i,) = ctx.saved_tensors
        return added(ctx, dy, i), None


def added(ctx, dy, i, padding=PADDING):
    dw = torch.zeros(ctx.shape, dtype=dy.dtype, device=dy.device)
    kept = i != padding
    return dw.index_add(0, i[kept], dy[kept])


KERNEL = Kernel(
    lambda table, i: F.embedding(i, table) * (i != PADDING).unsqueeze(1),
    Embedding,
    {"table": "normal:11x6", "i": INDICES},
)


@KERNEL.planted("d table", cause="single rows of 'd output'")
def stored_not_added(ctx, dy):
    (i,) = ctx.saved_tensors
    dw = torch.zeros(ctx.shape, dtype=dy.dtype, device=dy.device)
    for place, row in zip(i.tolist(), dy, strict=True):
        dw[place] = row * (place != PADDING)
    return dw, None


@KERNEL.planted("d table", cause="should be zero in row 2")
def the_padding_learns(ctx, dy):
    (i,) = ctx.saved_tensors
    return added(ctx, dy, i, padding=-1), None


@KERNEL.planted("d table", cause="off by a factor of its own in each row")
def divided_by_how_often_a_row_is_taken(ctx, dy):
    (i,) = ctx.saved_tensors
    count = torch.bincount(i, minlength=ctx.shape[0]).clamp(min=1)
    return added(ctx, dy, i) / count[:, None].to(dy.dtype), None


@KERNEL.planted("d table")
def the_last_block_of_indices_is_left_out(ctx, dy):
    (i,) = ctx.saved_tensors
    return added(ctx, dy[:BLOCK], i[:BLOCK]), None


@KERNEL.planted("d table", cause="rolled by +1 along axis 0")
def counted_from_one(ctx, dy):
    (i,) = ctx.saved_tensors
    return added(ctx, dy, i).roll(1, 0), None


@KERNEL.planted("d table", cause="zero from column")
def right_in_float64_alone(ctx, dy):
    (i,) = ctx.saved_tensors
    dw = added(ctx, dy, i)
    dw[:, vectors(6, dw) :] = 0
    return dw, None


@KERNEL.planted("d table", contiguous=True)
def contiguous_cotangents_are_assumed(ctx, dy):
    (i,) = ctx.saved_tensors
    return added(ctx, dy.as_strided(dy.shape, (dy.shape[1], 1)), i), None
