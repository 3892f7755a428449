"""Kernels as people write them, each beside what it is to compute; some have a mistake."""

import torch


def variance(x):
    return torch.var(x, dim=-1, correction=0)


def variance_in_one_pass(x):
    return (x * x).mean(-1) - x.mean(-1) ** 2


def rms_norm(x, w, eps=1e-5):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps) * w


def rms_norm_of_another_eps(x, w):
    return rms_norm(x, w, eps=1e-6)


def swish(x):
    return x * torch.sigmoid(x)


class DenseSwish(torch.autograd.Function):
    """Reads its cotangent's memory as a fused kernel does that was given no strides."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        memory = torch.empty(0, dtype=dy.dtype).set_(dy.untyped_storage())
        dy = memory.repeat(-(-x.numel() // memory.numel()))[: x.numel()].view_as(x)
        s = torch.sigmoid(x)
        return dy * (s + x * s * (1 - s))


class FusedRMSNorm(torch.autograd.Function):
    """Has a backward by hand, with one sign wrong."""

    @staticmethod
    def forward(ctx, x, w):
        scale = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)
        ctx.save_for_backward(x, w, scale)
        return x * scale * w

    @staticmethod
    def backward(ctx, dy):
        x, w, scale = ctx.saved_tensors
        normed, dn = x * scale, dy * w
        dx = scale * (dn - normed * (dn * normed).mean(-1, keepdim=True))
        return dx, -(dy * normed).sum(0)


def relu(x):
    return torch.relu(x)


def relu_of_a_product(x):
    return x * (x >= 0)
