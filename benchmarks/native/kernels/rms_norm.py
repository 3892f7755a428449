"""RMS norm as Gemma has it, times 1 + w; each block of rows writes a part of the weight's sum."""

import torch

from benchmarks.native.kernels.planted import Kernel, blocks, vectors

EPS, ROWS = 1e-6, 8


class RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        z = x.float()
        r = torch.rsqrt(z.square().mean(-1, keepdim=True) + EPS)
        ctx.save_for_backward(x, w, r)
        return (z * r * (1 + w.float())).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, w, r = ctx.saved_tensors
        g = dy.float() * (1 + w.float())
        return dx(g, x.float(), r).to(x.dtype), parts(dy, x, r).sum(0).to(w.dtype)


def dx(g, x, r, n=None):
    moment = (g * x).sum(-1, keepdim=True) / (n or x.shape[1])
    return r * g - r**3 * x * moment


def parts(dy, x, r):
    """Return what each block of rows adds to the gradient of the weight."""
    found = [(dy[k].float() * x[k].float() * r[k]).sum(0) for k in blocks(len(x), ROWS)]
    return torch.stack(found)


def eager(x, w):
    z = x.float()
    z = z * torch.rsqrt(z.pow(2).mean(-1, keepdim=True) + EPS)
    return (z * (1.0 + w.float())).to(x.dtype)


KERNEL = Kernel(eager, RMSNorm, {"x": "normal:29x42", "w": "normal:42"})
MULTIPLE = "off by a multiple of 'x' in each row"


@KERNEL.planted("d x", cause=MULTIPLE)
def the_derivative_of_the_root_is_missing(ctx, dy):
    x, w, r = ctx.saved_tensors
    g = dy.float() * (1 + w.float())
    return (g * r).to(x.dtype), parts(dy, x, r).sum(0).to(w.dtype)


@KERNEL.planted("d x", cause=MULTIPLE)
def divided_by_the_padded_width(ctx, dy):
    x, w, r = ctx.saved_tensors
    g = dy.float() * (1 + w.float())
    return dx(g, x.float(), r, 64).to(x.dtype), parts(dy, x, r).sum(0).to(w.dtype)


@KERNEL.planted("d x")
def times_the_weight_without_the_1(ctx, dy):
    x, w, r = ctx.saved_tensors
    right = RMSNorm.backward(ctx, dy)
    return dx(dy.float() * w.float(), x.float(), r).to(x.dtype), right[1]


@KERNEL.planted("d w")
def the_last_block_alone_is_kept(ctx, dy):
    x, w, r = ctx.saved_tensors
    return RMSNorm.backward(ctx, dy)[0], parts(dy, x, r)[-1].to(w.dtype)


@KERNEL.planted("d w")
def the_last_part_is_left_out(ctx, dy):
    x, w, r = ctx.saved_tensors
    return RMSNorm.backward(ctx, dy)[0], parts(dy, x, r)[:-1].sum(0).to(w.dtype)


@KERNEL.planted("d x", cause="as with another eps", dtypes=("float32",))
def another_eps_in_the_backward_pass(ctx, dy):
    x, w, _ = ctx.saved_tensors
    r = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-5)
    g = dy.float() * (1 + w.float())
    return dx(g, x.float(), r).to(x.dtype), RMSNorm.backward(ctx, dy)[1]


@KERNEL.planted("d x", cause="zero from column")
def right_in_float64_alone(ctx, dy):
    wrong, dw = RMSNorm.backward(ctx, dy)
    wrong[:, vectors(wrong.shape[1], wrong) :] = 0
    return wrong, dw


@KERNEL.planted("d x", "d w", contiguous=True)
def contiguous_cotangents_are_assumed(ctx, dy):
    return RMSNorm.backward(ctx, dy.as_strided(dy.shape, (dy.shape[1], 1)))
