"""Operations without a rule: they err as their own float32 kernel does."""

from __future__ import annotations

from typing import Any

import torch

from gradcmp.dtypes import FORMATS
from gradcmp.native.torch.rules.elementwise import jittered
from gradcmp.native.torch.rules.rule import Context
from gradcmp.native.torch.subject import Tensor

POINT = 2.0  # units roundoff from the operands: where the kernel's error is seen
SAFETY = 2.0  # one error may be small by chance
KAPPA_UNKNOWN = 4.0  # of what does not run in float32
NARROW = {torch.float64: torch.float32, torch.complex128: torch.complex64}
WIDE = {low: high for high, low in NARROW.items()}
FINE = FORMATS["float32"].u


def erring_as_float32(
    context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run it in float32 and in float64 at a point nearby: twice the difference is its error."""
    y = func(*args, **kwargs)
    outputs = _several(y)
    if not any(isinstance(one, torch.Tensor) and _has_digits(one) for one in outputs):
        return y
    context.name_unruled(str(func))
    if context.exact:
        return y
    errors = None if func._schema.is_mutable else _errors(context, func, args, kwargs)
    if errors is None:
        return jittered(context, y, KAPPA_UNKNOWN)
    moved = [_moved(one, error) for one, error in zip(outputs, errors, strict=True)]
    noisy = [jittered(context, one, 1.0) for one in moved]
    return type(y)(noisy) if isinstance(y, tuple | list) else noisy[0]


def _errors(
    context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Any] | None:
    """Return the error of each output; None where it has no float32 kernel."""
    scale = SAFETY * context.rounding.precision.u / FINE

    def near(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or not _has_digits(value):
            return value
        moved = value * (1 + POINT * context.rounding.precision.u * context.rounding.scatter(value))
        return moved.to(NARROW[value.dtype])

    def map_tensors(change: Any) -> Any:
        return torch.utils._pytree.tree_map(change, (args, kwargs))

    low_args, low_kwargs = map_tensors(near)
    widened = torch.utils._pytree.tree_map(_double, (low_args, low_kwargs))
    try:
        low = func(*low_args, **low_kwargs)
        high = func(*widened[0], **widened[1])
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        return None
    pairs = zip(_several(low), _several(high), strict=True)
    return [_difference(a, b, scale) for a, b in pairs]


def _several(value: Any) -> Any:
    return value if isinstance(value, tuple | list) else (value,)


def _double(value: Any) -> Any:
    wide = WIDE.get(value.dtype) if isinstance(value, torch.Tensor) else None
    return value if wide is None else value.to(wide)


def _difference(low: Any, high: Any, scale: float) -> Any:
    if not isinstance(low, torch.Tensor) or not _has_digits(high) or low.shape != high.shape:
        return None
    return torch.nan_to_num((low.to(high.dtype) - high) * scale, 0.0, 0.0, 0.0)


def _moved(y: Any, error: Tensor | None) -> Any:
    return y if error is None or error.shape != y.shape else y + error


def _has_digits(tensor: Tensor) -> bool:
    return tensor.dtype in NARROW and tensor.layout is torch.strided
