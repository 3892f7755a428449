"""GELU with tanh, its derivative written out."""

import math

import torch
import torch.nn.functional as F

from benchmarks.native.kernels.planted import Kernel, blocks

ROOT, CUBE, BLOCK = math.sqrt(2 / math.pi), 0.044715, 512


class GELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        z = x.float()
        return (0.5 * z * (1 + torch.tanh(ROOT * (z + CUBE * z**3)))).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return (dy.float() * slope(x.float())).to(x.dtype)


def slope(z, three=3):
    t = torch.tanh(ROOT * (z + CUBE * z**3))
    return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * ROOT * (1 + three * CUBE * z * z)


def plant(*wrong, **facts):
    """Plant another derivative."""

    def planted(function):
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return (dy.float() * function(x.float())).to(x.dtype)

        backward.__name__ = function.__name__
        KERNEL.planted(*wrong, **facts)(backward)
        return function

    return planted


KERNEL = Kernel(
    lambda x: F.gelu(x, approximate="tanh"), GELU, {"x": "uniform:12x131:low=-12,high=12"}
)


@plant("d x")
def the_derivative_of_tanh_is_missing(z):
    return 0.5 * (1 + torch.tanh(ROOT * (z + CUBE * z**3)))


@plant("d x")
def the_3_of_the_cube_is_missing(z):
    return slope(z, three=1)


@plant("d x", dtypes=("float32",))
def the_derivative_of_the_other_formula(z):
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + torch.erf(z / math.sqrt(2))) + z * density


@plant("d x", cause="2 × too large")
def the_half_is_forgotten(z):
    return 2 * slope(z)


@KERNEL.planted("d x", cause="the factor 'd output' is missing")
def the_upstream_gradient_is_forgotten(ctx, dy):
    (x,) = ctx.saved_tensors
    return slope(x.float()).to(x.dtype)


@KERNEL.planted("d x", cause="zero from element 1536 of 1572 on")
def the_last_block_is_left_out(ctx, dy):
    (x,) = ctx.saved_tensors
    dx = torch.zeros_like(x)
    for part in blocks(x.numel(), BLOCK, whole=True):
        one = slope(x.view(-1)[part].float()) * dy.reshape(-1)[part].float()
        dx.view(-1)[part] = one.to(x.dtype)
    return dx


@plant("d x", cause="where 'x' is at least 10.0")
def right_in_float64_alone(z):
    e = torch.exp(2 * ROOT * (z + CUBE * z**3))  # infinite in float32 from 10 on
    t = (e - 1) / (e + 1)
    return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * ROOT * (1 + 3 * CUBE * z * z)


@KERNEL.planted("d x", contiguous=True)
def contiguous_cotangents_are_assumed(ctx, dy):
    return GELU.backward(ctx, dy.as_strided(dy.shape, (dy.shape[1], 1)))
