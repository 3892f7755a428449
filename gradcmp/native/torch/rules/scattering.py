"""What adds into places: a sum of as many terms as meet at each.

The same operation on squares and on ones says how large they are and how many.
"""

from __future__ import annotations

from typing import Any

import torch

from gradcmp.native.torch.rules.rule import Context, Rule, aten, bound, is_real, table
from gradcmp.native.torch.subject import Tensor


def _scattered(context: Context, y: Tensor, squares: Tensor, terms: Tensor) -> Tensor:
    """Return a sum of as many terms as meet at each place, added up there; of one term as it is."""
    noisy = context.rounding.jitter_sum(y, squares, terms.clamp(min=1.0), "scatter")
    return torch.where(terms > 1, noisy, y)


def _put(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`index_put` that accumulates, as the backward pass of indexing does."""
    y, taken = func(*args, **kwargs), bound(func, args, kwargs)
    if not taken["accumulate"] or not is_real(y):
        return y
    x, index, values = args[:3]
    squares = aten.index_put(x * x, index, values * values, True)
    terms = aten.index_put(_present(x), index, torch.ones_like(values), True)
    return _scattered(context, y, squares, terms)


def _add_at(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`index_add` and `scatter_add`."""
    y = func(*args, **kwargs)
    if not is_real(y):
        return y
    x, axis, index, values = args[:4]
    squares = func(x * x, axis, index, values * values)
    terms = func(_present(x), axis, index, torch.ones_like(values))
    return _scattered(context, y, squares, terms)


def _reduced_at(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`scatter_reduce`: a sum, a mean, or the largest number at each place."""
    y, taken = func(*args, **kwargs), bound(func, args, kwargs)
    if not is_real(y) or taken["reduce"] not in ("sum", "mean", "prod"):
        return y
    x, values = args[0], taken["src"]
    place, own = (args[1], taken["index"]), taken["include_self"]
    terms = torch.scatter_reduce(
        torch.ones_like(x), *place, torch.ones_like(values), "sum", include_self=own
    )
    if taken["reduce"] == "prod":
        return context.rounding.jitter(y, float(terms.max()))
    squares = func(x * x, *place, values * values, taken["reduce"], include_self=own)
    if taken["reduce"] == "mean":
        return context.rounding.jitter(_scattered(context, y, squares / terms, terms), 1.0)
    return _scattered(context, y, squares, terms)


def _present(x: Tensor) -> Tensor:
    """Return how many terms an array is itself: none where it is zero."""
    return (x != 0).to(x.dtype)


def _placed(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function linear in its first operand that adds into places: embeddings, folding."""
    y, x, rest = func(*args, **kwargs), args[0], args[1:]
    if not is_real(y):
        return y
    squares = func(x * x, *rest, **kwargs)
    return _scattered(context, y, squares, func(torch.ones_like(x), *rest, **kwargs))


RULES: dict[Any, Rule] = table(
    {
        "index_put _unsafe_index_put _index_put_impl": _put,
        "index_add scatter_add": _add_at,
        "scatter_reduce": _reduced_at,
        "embedding_dense_backward col2im unfold_backward upsample_nearest1d_backward "
        "upsample_nearest2d_backward upsample_nearest3d_backward reflection_pad1d_backward "
        "reflection_pad2d_backward reflection_pad3d_backward replication_pad1d_backward "
        "replication_pad2d_backward replication_pad3d_backward max_pool2d_with_indices_backward "
        "max_pool3d_with_indices_backward adaptive_max_pool2d_backward "
        "adaptive_max_pool3d_backward": _placed,
    }
)
