"""Cross-entropy with label smoothing and ignored rows; the gradient is made in the forward pass."""

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.native.kernels.planted import Kernel, blocks, vectors

SMOOTHING, IGNORED, COLUMNS = 0.1, -100, 16
TARGETS = np.random.default_rng(3).integers(0, 35, 48)
TARGETS[[4, 9, 10, 17, 30, 31, 44]] = IGNORED


class CrossEntropy(torch.autograd.Function):
    smoothing, rest = SMOOTHING, SMOOTHING / 35

    @staticmethod
    def forward(ctx, x, target):
        kept = target != IGNORED
        place = target.clamp(min=0)[:, None]
        log_p = x.float().log_softmax(-1)
        loss = -(1 - SMOOTHING) * log_p.gather(1, place)[:, 0] - SMOOTHING * log_p.mean(-1)
        ctx.save_for_backward(log_p.exp(), place, kept)
        ctx.dtype = x.dtype
        return ((loss * kept).sum() / kept.sum()).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        p, place, kept = ctx.saved_tensors
        dx = (p - wanted(p, place)) * kept[:, None] / kept.sum()
        return (dx * dy).to(ctx.dtype), None


def wanted(p, place, smoothing=SMOOTHING, rest=None):
    """Return the distribution that the loss asks for."""
    t = torch.full_like(p, smoothing / p.shape[1] if rest is None else rest)
    return t.scatter_add(1, place, torch.full_like(place, 1, dtype=p.dtype) * (1 - smoothing))


def eager(x, target):
    return F.cross_entropy(x, target, ignore_index=IGNORED, label_smoothing=SMOOTHING)


KERNEL = Kernel(eager, CrossEntropy, {"x": "normal:48x35", "target": TARGETS})


@KERNEL.planted("d x", cause="a factor of 41/48")
def ignored_rows_are_counted(ctx, dy):
    p, place, kept = ctx.saved_tensors
    return ((p - wanted(p, place)) * kept[:, None] / len(p) * dy).to(ctx.dtype), None


@KERNEL.planted("d x", cause="should be zero in rows 4, 9")
def ignored_rows_have_gradients(ctx, dy):
    p, place, kept = ctx.saved_tensors
    return ((p - wanted(p, place)) / kept.sum() * dy).to(ctx.dtype), None


@KERNEL.planted("d x")
def no_smoothing_in_the_backward_pass(ctx, dy):
    p, place, kept = ctx.saved_tensors
    dx = (p - wanted(p, place, 0.0)) * kept[:, None] / kept.sum()
    return (dx * dy).to(ctx.dtype), None


@KERNEL.planted("d x", dtypes=("float32",))
def smoothed_over_all_classes_but_one(ctx, dy):
    p, place, kept = ctx.saved_tensors
    rest = SMOOTHING / (p.shape[1] - 1)
    dx = (p - wanted(p, place, rest=rest)) * kept[:, None] / kept.sum()
    return (dx * dy).to(ctx.dtype), None


@KERNEL.planted("d x", cause="zero from column 32 on")
def the_last_block_of_classes_is_left_out(ctx, dy):
    dx, _ = CrossEntropy.backward(ctx, dy)
    whole = torch.zeros_like(dx)
    for columns in blocks(dx.shape[1], COLUMNS, whole=True):
        whole[:, columns] = dx[:, columns]
    return whole, None


@KERNEL.planted("d x", cause="zero from column")
def right_in_float64_alone(ctx, dy):
    dx, _ = CrossEntropy.backward(ctx, dy)
    dx[:, vectors(34, dx) :] = 0
    return dx, None


class SoftTargets(torch.autograd.Function):
    """Against given probabilities, which need not add up to 1 in each row."""

    @staticmethod
    def forward(ctx, x, t):
        log_p = x.float().log_softmax(-1)
        ctx.save_for_backward(log_p.exp(), t)
        return -(t * log_p).sum(-1).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        p, t = ctx.saved_tensors
        dx = (p * t.sum(-1, keepdim=True) - t) * dy[:, None]
        return dx.to(dy.dtype), None


SOFT = Kernel(
    lambda x, t: -(t * x.log_softmax(-1)).sum(-1),
    SoftTargets,
    {"x": "normal:20x9", "t": "uniform:20x9:high=0.25"},
    {"wrt": ["x"]},
)


@SOFT.planted("d x", cause="a sum that is taken for 1")
def right_for_rows_that_sum_to_1(ctx, dy):
    p, t = ctx.saved_tensors
    return ((p - t) * dy[:, None]).to(dy.dtype), None


@SOFT.planted("d x", cause="the factor 'd output' is missing")
def the_upstream_gradient_is_forgotten(ctx, dy):
    p, t = ctx.saved_tensors
    return (p * t.sum(-1, keepdim=True) - t).to(dy.dtype), None


@SOFT.planted("d x", cause="sign")
def the_sign(ctx, dy):
    dx, _ = SoftTargets.backward(ctx, dy)
    return -dx, None


@SOFT.planted("d x", contiguous=True)
def the_first_cotangent_for_all(ctx, dy):
    return SoftTargets.backward(ctx, dy.as_strided(dy.shape, (1,)))
