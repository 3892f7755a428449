"""Operations that compare numbers, or choose among them: here a run takes its branches."""

from __future__ import annotations

from typing import Any

import torch

from gradcmp.judge.noise.rules.decisions import has_ties
from gradcmp.native.noisy.branches import Fork
from gradcmp.native.torch.rules.rule import Context, Rule, bound, is_real, prims, table
from gradcmp.native.torch.subject import Tensor

LEAST = 1e-300  # what relu makes of a zero that counts as positive: its backward asks for > 0


def _order(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`>`, `>=`, `<` and `<=`."""
    outcome, (left, right) = func(*args, **kwargs), args[:2]
    if not (is_real(left) or is_real(right)):
        return outcome
    rises = func.overloadpacket.__name__.startswith("g")
    fork = Fork(outcome, left - right, (not rises, rises), (left, right))
    return context.branches.decide(fork)


def _equality(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    outcome = func(*args, **kwargs)
    if not (is_real(args[0]) or is_real(args[1])):
        return outcome
    equal = outcome if func.overloadpacket.__name__ == "eq" else ~outcome
    sizes = sorted(one.numel() if isinstance(one, torch.Tensor) else 1 for one in args[:2])
    context.branches.tied |= has_ties(int(equal.count_nonzero()), sizes)
    return context.branches.decide(Fork(outcome, operands=args[:2]))


def _relu(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x, y = args[0], func(*args, **kwargs)
    if not is_real(x):
        return y
    positive = x > 0
    taken = context.branches.decide(Fork(positive, x, operands=(x, 0.0)))
    if torch.equal(taken, positive):
        return y
    other = torch.where(taken, x.abs().clamp_(min=LEAST), 0.0)
    return torch.where(taken == positive, y, other)


def _sign(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x, y = args[0], func(*args, **kwargs)
    return context.branches.decide(Fork(y, x, (-1.0, 1.0), (x, 0.0))) if is_real(x) else y


def _chosen(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Values along an axis and where they come from: maxima, sorted numbers, medians."""
    found, taken = func(*args, **kwargs), bound(func, args, kwargs)
    x = args[0]
    if not is_real(x) or not x.dim() or isinstance(found, torch.Tensor):
        return found  # of all numbers, their places are asked for nowhere
    values, index = found
    kept = context.branches.decide(Fork(index))
    if kept is index or torch.equal(kept, index):
        return found
    axis = taken["dim"]
    flat = kept.dim() < x.dim()
    places = kept.unsqueeze(axis) if flat else kept
    values = torch.gather(x, axis, places)
    return type(found)((values.squeeze(axis) if flat else values, kept))


def _place(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`argmax` and `argmin`."""
    index = func(*args, **kwargs)
    return context.branches.decide(Fork(index)) if is_real(args[0]) else index


def _pooled(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Maxima of windows: the places count along all axes that are pooled."""
    values, index = func(*args, **kwargs)
    x = args[0]
    if not is_real(x):
        return values, index
    kept = context.branches.decide(Fork(index))
    if kept is index or torch.equal(kept, index):
        return values, index
    axes = 3 if "3d" in func.overloadpacket.__name__ else 2
    gathered = torch.gather(x.flatten(-axes), -1, kept.flatten(-axes))
    return gathered.reshape(values.shape), kept


def _piecewise(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`leaky_relu` and its like: by their slopes below and above zero."""
    taken = bound(func, args, kwargs)
    x: Tensor = taken["self"]
    positive = context.branches.decide(Fork(x > 0, x, operands=(x, 0.0)))
    slope = taken.get("negative_slope", taken.get("weight"))
    with context.inside():
        return torch.where(positive, x, x * slope)


RULES: dict[Any, Rule] = {
    **table(
        {
            "gt ge lt le": _order,
            "eq ne": _equality,
            "relu": _relu,
            "sgn sign": _sign,
            "max min sort topk kthvalue median nanmedian mode cummax cummin": _chosen,
            "argmax argmin": _place,
            "max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool2d "
            "adaptive_max_pool3d": _pooled,
            "leaky_relu": _piecewise,
        }
    ),
    **table(
        {
            "gt ge lt le": _order,
            "eq ne": _equality,
            "sign": _sign,
        },
        prims,
    ),
}
