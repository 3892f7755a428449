"""Composite operations that torch decomposes nowhere, or not well: out of simpler ones."""

from __future__ import annotations

import math
from typing import Any

import torch

from gradcmp.native.torch.rules.rule import Context, Rule, bound, is_real, table
from gradcmp.native.torch.subject import Tensor


def _scores(query: Tensor, key: Tensor, taken: dict[str, Any]) -> Tensor:
    scores = torch.matmul(query, key.transpose(-1, -2)) * _scale(query, taken)
    if taken["is_causal"]:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~seen, -math.inf)
    mask = taken.get("attn_mask")
    return scores if mask is None else scores + mask


def _scale(query: Tensor, taken: dict[str, Any]) -> float:
    given = taken.get("scale")
    return 1 / math.sqrt(query.shape[-1]) if given is None else float(given)


def _attention(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """softmax(q kᵀ / √d) v, and the logsumexp that its backward pass starts from."""
    taken = bound(func, args, kwargs)
    if not is_real(args[0]):
        return func(*args, **kwargs)
    with context.inside():
        scores = _scores(taken["query"], taken["key"], taken)
        y = torch.matmul(torch.softmax(scores, -1), taken["value"])
        return y, torch.logsumexp(scores, -1)


def _attention_backward(
    context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    taken = bound(func, args, kwargs)
    if not is_real(args[0]):
        return func(*args, **kwargs)
    dy, query, key, value, y = (
        taken[name] for name in ("grad_out", "query", "key", "value", "out")
    )
    with context.inside():
        p = torch.exp(_scores(query, key, taken) - taken["logsumexp"].unsqueeze(-1))
        dp = torch.matmul(dy, value.transpose(-1, -2))
        ds = p * (dp - (dy * y).sum(-1, keepdim=True)) * _scale(query, taken)
        dq, dk = torch.matmul(ds, key), torch.matmul(ds.transpose(-1, -2), query)
        return dq, dk, torch.matmul(p.transpose(-1, -2), dy)


def _logsumexp(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    taken = bound(func, args, kwargs)
    x, axes = taken["self"], taken["dim"]
    if not is_real(x) or context.whole:
        y = func(*args, **kwargs)
        return context.rounding.jitter(y, 1.0) if is_real(y) else y
    with context.inside():
        largest = torch.amax(x, axes, keepdim=True)
        largest = torch.where(largest.abs() == math.inf, 0.0, largest)
        y = torch.log(torch.sum(torch.exp(x - largest), axes, keepdim=True)) + largest
        return y if taken["keepdim"] else y.squeeze(tuple(axes))


def _norm(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The Euclidean norm; of other orders the parts of torch's own definition err."""
    taken = bound(func, args, kwargs)
    x, axes = taken["self"], taken["dim"]
    with context.inside():
        if taken["ord"] == 2 and is_real(x):
            axes = [*range(x.dim())] if axes is None else axes
            return torch.sqrt(torch.sum(x * x, axes, keepdim=taken["keepdim"]))
        return torch._refs.linalg.vector_norm(x, taken["ord"], axes, taken["keepdim"])


RULES: dict[Any, Rule] = table(
    {
        "_scaled_dot_product_flash_attention_for_cpu": _attention,
        "_scaled_dot_product_flash_attention_for_cpu_backward": _attention_backward,
        "logsumexp": _logsumexp,
        "linalg_vector_norm": _norm,
    }
)
