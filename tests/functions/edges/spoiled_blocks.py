"""A backward pass that leaves the last partial block of rows out."""

import torch


def eager(x, w):
    return torch.tanh(x * w)


class Blocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        y = torch.tanh(x * w)
        ctx.save_for_backward(x, w, y)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, w, y = ctx.saved_tensors
        dz = dy * (1 - y * y)
        dx, whole = dz * w, len(x) // 64 * 64
        if whole:
            dx = torch.cat([dx[:whole], torch.zeros_like(dx[whole:])])
        return dx, (dz * x).sum(0)


blocks = Blocks.apply
