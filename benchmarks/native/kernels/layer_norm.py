"""Layer norm by rows; the sums over rows are added up block by block."""

import torch
import torch.nn.functional as F

from benchmarks.native.kernels.planted import Kernel, blocks, vectors

EPS, ROWS = 1e-5, 16


class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        z = x.float()
        mean, variance = z.mean(-1, keepdim=True), z.var(-1, keepdim=True, unbiased=False)
        r = torch.rsqrt(variance + EPS)
        ctx.save_for_backward(x, w, mean, r)
        return ((z - mean) * r * w.float() + b.float()).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, w, mean, r = ctx.saved_tensors
        z = (x.float() - mean) * r
        dx = _dx(dy.float() * w.float(), z, r)
        dw, db = _sums(z, dy)
        return dx.to(x.dtype), dw.to(w.dtype), db.to(w.dtype)


def _mean(g):
    return g.mean(-1, keepdim=True)


def _dx(g, z, r):
    return r * (g - _mean(g) - z * _mean(g * z))


def _sums(z, dy, whole=False):
    dw, db = (torch.zeros(z.shape[1], dtype=z.dtype, device=z.device) for _ in range(2))
    for rows in blocks(len(z), ROWS, whole):
        dw += (dy[rows].float() * z[rows]).sum(0)
        db += dy[rows].float().sum(0)
    return dw, db


def _parts(ctx, dy):
    x, w, mean, r = ctx.saved_tensors
    z = (x.float() - mean) * r
    return z, r, dy.float() * w.float(), LayerNorm.backward(ctx, dy)


def eager(x, w, b):
    return F.layer_norm(x, x.shape[1:], w, b, EPS)


INPUTS = {"x": "normal:24x42", "w": "normal:42", "b": "normal:42"}
KERNEL = Kernel(eager, LayerNorm, INPUTS)


@KERNEL.planted("d x", cause="a constant in each row")
def the_mean_of_the_cotangent_is_missing(ctx, dy):
    z, r, g, right = _parts(ctx, dy)
    return (r * (g - z * _mean(g * z))).to(dy.dtype), *right[1:]


@KERNEL.planted("d x", cause="a multiple of 'x' and a constant")
def the_derivative_of_the_variance_is_missing(ctx, dy):
    _, r, g, right = _parts(ctx, dy)
    return (r * (g - _mean(g))).to(dy.dtype), *right[1:]


@KERNEL.planted("d x", cause="a multiple of 'x' and a constant", dtypes=("float32",))
def a_sum_divided_by_one_less(ctx, dy):
    z, r, g, right = _parts(ctx, dy)
    n = z.shape[1]
    moment = (g * z).sum(-1, keepdim=True) / (n - 1)
    return (r * (g - _mean(g) - z * moment)).to(dy.dtype), *right[1:]


@KERNEL.planted("d x", cause="as with another eps", dtypes=("float32",))
def another_eps_in_the_backward_pass(ctx, dy):
    x, _, mean, _ = ctx.saved_tensors
    r = torch.rsqrt(x.float().var(-1, keepdim=True, unbiased=False) + 1e-6)
    _, _, g, right = _parts(ctx, dy)
    return _dx(g, (x.float() - mean) * r, r).to(dy.dtype), *right[1:]


@KERNEL.planted("d w", "d b", cause="only the first 16 of the 24 rows of 'd output'")
def the_last_block_of_rows_is_left_out(ctx, dy):
    z, _, _, right = _parts(ctx, dy)
    dw, db = _sums(z, dy, whole=True)
    return right[0], dw.to(dy.dtype), db.to(dy.dtype)


@KERNEL.planted("d x")
def the_weight_is_forgotten(ctx, dy):
    z, r, _, right = _parts(ctx, dy)
    return _dx(dy.float(), z, r).to(dy.dtype), *right[1:]


@KERNEL.planted("d x", cause="zero from column")
def right_in_float64_alone(ctx, dy):
    dx, dw, db = LayerNorm.backward(ctx, dy)
    dx[:, vectors(dx.shape[1], dx) :] = 0
    return dx, dw, db


@KERNEL.planted("d x", "d w", "d b", contiguous=True)
def contiguous_cotangents_are_assumed(ctx, dy):
    return LayerNorm.backward(ctx, dy.as_strided(dy.shape, (dy.shape[1], 1)))
