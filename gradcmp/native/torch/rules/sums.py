"""Sums, matrix products, convolutions and windows.

The error of a sum needs the sum of the squares of its terms: the same operation once more, on
squared operands, has it.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from gradcmp.native.torch.rules.rule import Context, Rule, aten, bound, is_real, prims, table


def _sum(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A sum or a mean along axes, or of everything."""
    y, x = func(*args, **kwargs), args[0]
    if not (is_real(y) and is_real(x)) or not y.numel():
        return y
    terms = x.numel() // y.numel()
    if terms <= 1:
        return y
    mean = func.overloadpacket in MEANS
    squares = context.once(func, y, lambda: func(x * x, *args[1:], **kwargs))
    y = context.rounding.jitter_sum(y, squares / terms if mean else squares, terms)
    return context.rounding.jitter(y, 1.0) if mean and not context.whole else y


MEANS = frozenset((aten.mean,))


def _product(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A product of two matrices, stacks of them or vectors."""
    if not (is_real(args[0]) and is_real(args[1])):
        return func(*args, **kwargs)
    a, b = map(context.rounding.round_operand, args)
    y = func(a, b)
    squares = context.once(func, y, lambda: func(a * a, b * b))
    return context.rounding.jitter_sum(y, squares, a.shape[-1], "product")


def _affine(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A product of two matrices, added to something."""
    if not all(map(is_real, args[:3])):
        return func(*args, **kwargs)
    x, (a, b) = args[0], map(context.rounding.round_operand, args[1:3])
    squared = {name: one * one for name, one in kwargs.items() if name in ("alpha", "beta")}
    y = func(x, a, b, **kwargs)
    squares = context.once(func, y, lambda: func(x * x, a * a, b * b, **squared))
    terms = a.shape[-1] * (a.shape[0] if a.dim() > y.dim() else 1)
    return context.rounding.jitter_sum(y, squares, terms + 1, "product")


def _outer(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An outer product, added to something."""
    with context.inside():
        return args[0] + torch.outer(args[1], args[2])


def _convolution(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    (x, weight), bias, rest = map(context.rounding.round_operand, args[:2]), args[2], args[3:]
    y = func(x, weight, bias, *rest)
    if not is_real(y):
        return y
    bias_squared = None if bias is None else bias * bias
    squares = context.once(func, y, lambda: func(x * x, weight * weight, bias_squared, *rest))
    return context.rounding.jitter_sum(y, squares, weight[0].numel() + 1, "product")


def _convolution_backward(
    context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    dy, x, weight = map(context.rounding.round_operand, args[:3])
    found = func(dy, x, weight, *args[3:])
    squares = context.once(func, dy, lambda: func(dy * dy, x * x, weight * weight, *args[3:]))
    places, taps = dy.numel() // dy.shape[1], weight[0, 0].numel()
    terms = (weight.shape[0] * taps, places, places)
    found = [
        context.rounding.jitter_sum(y, q, n, "product") if is_real(y) else y
        for y, q, n in zip(found, squares, terms, strict=True)
    ]
    if context.whole:  # kernels of few digits add up in place: taps, and slow ones examples, too
        slow = dy.dim() > 4 or max(bound(func, args, kwargs)["dilation"]) > 1
        added = (taps, *(len(dy),) * 2 * slow)
        found[: len(added)] = [
            context.rounding.jitter_sum(y, q, n, "scatter") if is_real(y) else y
            for y, q, n in zip(found, squares, added, strict=False)
        ]
    return tuple(found)


def affine_gradients(
    context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The backward pass of a layer norm as one kernel: its weight and bias add up rows."""
    dy, x, shape, mean, rstd = args[:5]
    dx, dw, db = func(*args, **kwargs)
    rows = x.numel() // math.prod(shape)
    terms = (dy * (x - mean) * rstd, dy)
    sums = [
        context.rounding.jitter_sum(y, one.square().reshape(rows, *shape).sum(0), rows, "affine")
        if is_real(y)
        else y
        for y, one in zip((dw, db), terms, strict=True)
    ]
    return (context.rounding.jitter(dx, 1.0) if is_real(dx) else dx, *sums)


def _running(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    y, x, axis = func(*args, **kwargs), args[0], bound(func, args, kwargs)["dim"]
    if not is_real(y) or not y.dim():
        return y
    terms = torch.arange(1, x.shape[axis] + 1, dtype=torch.float64, device=x.device)
    terms = terms.reshape([-1 if i == axis % x.dim() else 1 for i in range(x.dim())])
    return context.rounding.jitter_sum(y, torch.cumsum(x * x, axis), terms, "running")


def _average(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Averages of windows."""
    y, x = func(*args, **kwargs), args[0]
    if not is_real(y) or not y.numel():
        return y
    kernel = bound(func, args, kwargs).get("kernel_size")
    terms = math.prod(kernel) if kernel else max(x.numel() // y.numel(), 1)
    squares = func(x * x, *args[1:], **kwargs) / terms
    return context.rounding.jitter(context.rounding.jitter_sum(y, squares, terms, "bare"), 1.0)


FEW = 4  # terms that meet where windows overlap


def _weighted(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A sum of a few terms with weights of at most 1: the gradients of windows."""
    y, x = func(*args, **kwargs), args[0]
    if not is_real(y):
        return y
    squares = func(x * x, *args[1:], **kwargs)
    terms = math.prod(bound(func, args, kwargs).get("kernel_size") or (FEW,))
    return context.rounding.jitter(context.rounding.jitter_sum(y, squares, terms, "scatter"), 1.0)


def _interpolated(
    context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Pixels interpolated: where one lies is off by u of its coordinate, and so its weights."""
    y, x = func(*args, **kwargs), args[0]
    if not is_real(y):
        return y
    squares = func(x * x, *args[1:], **kwargs).abs()
    extent = max(*x.shape[2:], *y.shape[2:])
    steep = 2 if "cubic" in func.overloadpacket.__name__ else 1  # how weights follow the place
    size = context.rounding.accumulator("bare") * extent * steep
    y = context.rounding.stray(y, squares, squares.sqrt() * size)
    return context.rounding.jitter(context.rounding.jitter_sum(y, squares, FEW, "bare"), 1.0)


def _prims_sum(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _sum(context, func, args, kwargs) if args[1] else func(*args, **kwargs)


def _variance(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    taken = bound(func, args, kwargs)
    x, axes = taken["inp"], [*(taken["dims"] or range(taken["inp"].dim()))]
    terms = math.prod(x.shape[axis] for axis in axes)
    with context.inside():
        centered = x - torch.mean(x, axes, keepdim=True)
        correction = taken["correction"]
        count = max(terms - (1.0 if correction is None else correction), 0)
        return torch.sum(centered * centered, axes) / count


INTERPOLATIONS = (
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_trilinear3d",
    "upsample_bicubic2d",
    "_upsample_bilinear2d_aa",
    "_upsample_bicubic2d_aa",
)
UPSAMPLED = " ".join(f"{name} {name}_backward" for name in INTERPOLATIONS)
RULES: dict[Any, Rule] = {
    **table(
        {
            "sum mean": _sum,
            "mm bmm mv dot vdot": _product,
            "addmm baddbmm addbmm addmv": _affine,
            "addr": _outer,
            "convolution convolution_overrideable": _convolution,
            "convolution_backward convolution_backward_overrideable": _convolution_backward,
            "cumsum": _running,
            "avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d": _average,
            "avg_pool2d_backward avg_pool3d_backward _adaptive_avg_pool2d_backward "
            "_adaptive_avg_pool3d_backward": _weighted,
            UPSAMPLED: _interpolated,
        }
    ),
    **table({"sum": _prims_sum, "var": _variance}, prims),
}
