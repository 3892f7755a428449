"""Backward passes that hold for contiguous arrays alone, and right ones, each with its reference.

All compute ``tanh(x * w)``, or two outputs of the same, over rows.
"""

import torch


def eager(x, w):
    return torch.tanh(x * w)


def eager_pair(x, w):
    y = torch.tanh(x * w)
    return y, y.sum(-1)


class Right(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        y = torch.tanh(x * w)
        ctx.save_for_backward(x, w, y)
        return y

    @classmethod
    def backward(cls, ctx, dy):
        x, w, y = ctx.saved_tensors
        dz = cls.taken(dy) * (1 - y * y)
        return dz * w, (dz * x).sum(0)

    @staticmethod
    def taken(dy):
        """Return the cotangent as a kernel reads it."""
        return dy


class Strideless(Right):
    """Reads memory row after row, as a kernel with a bare pointer does."""

    @staticmethod
    def taken(dy):
        return dy.as_strided(dy.shape, torch.empty(dy.shape).stride())


class FromTheStart(Right):
    """Takes no account of where in its memory the cotangent begins."""

    @staticmethod
    def taken(dy):
        return dy.as_strided(dy.shape, dy.stride(), 0)


class Viewing(Right):
    @staticmethod
    def taken(dy):
        return dy.view(-1).view(dy.shape)


class Greedy(Right):
    """Writes into the cotangent that it is given."""

    @staticmethod
    def taken(dy):
        return dy.mul_(1.0).mul_(1.5).div_(1.5) if dy.stride(-1) == 1 else dy.mul_(1.0)


class Scribbling(Right):
    """The same without torch's knowledge, as a kernel does: no version tells of it."""

    @staticmethod
    def taken(dy):
        kept = dy.clone()
        if dy.dtype != torch.bfloat16:
            dy.numpy()[...] = 0
        else:
            dy.view(torch.int16).numpy()[...] = 0
        return kept


class Once(Right):
    """Frees what it saved by overwriting it."""

    @classmethod
    def backward(cls, ctx, dy):
        x, w, y = ctx.saved_tensors
        dz = dy * (1 - y * y)
        with torch.no_grad():
            result = dz * w, (dz * x).sum(0)
            y.set_(torch.zeros_like(y))
        return result


class Freed(Right):
    @classmethod
    def backward(cls, ctx, dy):
        found = super().backward(ctx, dy)
        if getattr(ctx, "done", False):
            raise RuntimeError("buffers were freed")
        ctx.done = True
        return found


class Constant(Right):
    """Takes a cotangent of zeros for one of ones."""

    @staticmethod
    def taken(dy):
        return torch.where((dy == 0).all(), torch.ones_like(dy), dy)


class DenseInput(Right):
    """Reads its first input row after row."""

    @staticmethod
    def forward(ctx, x, w):
        return Right.forward(ctx, x.as_strided(x.shape, torch.empty(x.shape).stride()), w)


class DenseVector(Right):
    """Reads its second input element after element."""

    @staticmethod
    def forward(ctx, x, w):
        return Right.forward(ctx, x, w.as_strided(w.shape, torch.empty(w.shape).stride()))


class DenseInputBackward(Right):
    """Reads the input row after row in the backward pass alone."""

    @classmethod
    def backward(cls, ctx, dy):
        x, w, y = ctx.saved_tensors
        dz = dy * (1 - y * y)
        return dz * w, (dz * x.as_strided(x.shape, torch.empty(x.shape).stride())).sum(0)


class RightPair(torch.autograd.Function):
    """Two outputs, whose cotangents may be absent."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.set_materialize_grads(False)
        y = torch.tanh(x * w)
        ctx.save_for_backward(x, w, y)
        return y, y.sum(-1)

    @classmethod
    def backward(cls, ctx, dy, ds):
        x, w, y = ctx.saved_tensors
        if cls.gives_up(dy, ds):
            return None, None
        whole = torch.zeros_like(y) if dy is None else dy
        if ds is not None:
            whole = whole + ds[:, None]
        dz = whole * (1 - y * y)
        return dz * w, (dz * x).sum(0)

    @staticmethod
    def gives_up(dy, ds):
        return dy is None and ds is None


class NothingWithoutFirst(RightPair):
    @staticmethod
    def gives_up(dy, ds):
        return dy is None


class NothingWithoutSecond(RightPair):
    @staticmethod
    def gives_up(dy, ds):
        return ds is None


class ReadsNone(RightPair):
    """Asks an absent cotangent for its shape."""

    @staticmethod
    def gives_up(dy, ds):
        return ds.shape != dy.shape[:1]


class Accumulating(torch.nn.Module):
    """Adds to the gradient of its weight by itself, as well as returning it."""

    def __init__(self, length):
        super().__init__()
        self.w = torch.nn.Parameter(torch.linspace(-1, 1, length))

    def forward(self, x):
        y = torch.tanh(x * self.w)
        if y.requires_grad:
            y.register_hook(self._note)
        return y

    def _note(self, dy):
        if self.w.grad is not None:
            self.w.grad.mul_(2)


def last_block(size):
    """Return a function whose backward pass leaves the last partial block of rows out."""

    class Blocks(Right):
        @classmethod
        def backward(cls, ctx, dy):
            dx, dw = super().backward(ctx, dy)
            whole = len(dx) // size * size if len(dx) > size else len(dx)
            return torch.cat([dx[:whole], torch.zeros_like(dx[whole:])]), dw

    return Blocks.apply
