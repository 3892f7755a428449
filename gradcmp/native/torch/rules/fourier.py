"""Fourier transforms: every element errs as much as the largest do."""

from __future__ import annotations

import math
from typing import Any

import torch

from gradcmp.native.torch.rules.rule import Context, Rule, bound, table
from gradcmp.native.torch.subject import Tensor


def _transformed(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A transform of length n errs by ``u sqrt(log2 n)`` of the root mean square of what it gives.

    Ref: Higham (2002), Accuracy and Stability of Numerical Algorithms, section 24.1.
    """
    y, axes = func(*args, **kwargs), bound(func, args, kwargs)["dim"]
    if y.dtype not in (torch.float64, torch.complex128) or not y.numel():
        return y
    parts = torch.view_as_real(y.resolve_conj()) if y.is_complex() else y
    length = math.prod(max(y.shape[axis], args[0].shape[axis]) for axis in axes)
    places = [axis % y.dim() for axis in axes]
    squares = parts.square().mean(places + [y.dim()] * y.is_complex(), keepdim=True)
    squares = squares.expand_as(parts).clone()
    size = context.rounding.precision.u_sum * math.sqrt(1 + math.log2(max(length, 2)))
    return _whole(context.rounding.stray(parts, squares, squares.sqrt() * size), y)


def _whole(parts: Tensor, like: Tensor) -> Tensor:
    return torch.view_as_complex(parts.contiguous()) if like.is_complex() else parts


RULES: dict[Any, Rule] = table({"_fft_r2c _fft_c2r _fft_c2c": _transformed})
