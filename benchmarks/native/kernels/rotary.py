"""Rotary embedding, the two halves of each head turned by an angle that grows with the place."""

import torch

from benchmarks.native.kernels.planted import Kernel, vectors

LENGTH, SIZE = 9, 12
RATE = 10000.0 ** (-torch.arange(0, SIZE // 2, dtype=torch.float64) * 2 / SIZE)
ANGLE = torch.outer(torch.arange(LENGTH, dtype=torch.float64), RATE)
TABLES = {"cos": ANGLE.cos(), "sin": ANGLE.sin()}


class Rotary(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, cos, sin):
        ctx.save_for_backward(cos, sin)
        return turned(x, cos, sin)

    @staticmethod
    def backward(ctx, dy):
        cos, sin = ctx.saved_tensors
        return turned(dy, cos, -sin), None, None


def turned(x, cos, sin):
    a, b = x.chunk(2, -1)
    cos, sin = cos[:, None], sin[:, None]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


KERNEL = Kernel(
    turned,
    Rotary,
    {"x": f"normal:3x{LENGTH}x4x{SIZE}", **{n: one.numpy() for n, one in TABLES.items()}},
    {"wrt": ["x"]},
)


def plant(*wrong, **facts):
    """Plant another way to turn the cotangent."""

    def planted(function):
        def backward(ctx, dy):
            return function(dy, *ctx.saved_tensors), None, None

        backward.__name__ = function.__name__
        KERNEL.planted(*wrong, **facts)(backward)
        return function

    return planted


@plant("d x")
def turned_forward_again(dy, cos, sin):
    return turned(dy, cos, sin)


@plant("d x")
def neighbours_for_halves(dy, cos, sin):
    a, b = dy[..., ::2], dy[..., 1::2]
    cos, sin = cos[:, None], -sin[:, None]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


@plant("d x")
def angles_of_the_place_before(dy, cos, sin):
    return turned(dy, cos.roll(1, 0), -sin.roll(1, 0))


@plant("d x", cause="zero at index 8 of axis 1")
def the_last_block_of_places_is_left_out(dy, cos, sin):
    dx = turned(dy, cos, -sin)
    dx[:, 8:] = 0
    return dx


@plant("d x", cause="it is 'd output'")
def the_second_half_is_handed_through(dy, cos, sin):
    return torch.cat([turned(dy, cos, -sin)[..., : SIZE // 2], dy[..., SIZE // 2 :]], -1)


@plant("d x", cause="zero from index 8 of axis 3 on")
def right_in_float64_alone(dy, cos, sin):
    dx = turned(dy, cos, -sin)
    dx[..., vectors(10, dx) + (dx.element_size() > 4) * 2 :] = 0
    return dx


@plant("d x", contiguous=True)
def contiguous_cotangents_are_assumed(dy, cos, sin):
    whole = torch.empty(dy.shape)
    return turned(dy.as_strided(dy.shape, whole.stride()), cos, -sin)
