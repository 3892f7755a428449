"""Operations that make a step and are no comparison: here a run takes its branches, too."""

from __future__ import annotations

from typing import Any

import torch

from gradcmp.native.noisy.branches import Fork
from gradcmp.native.noisy.steps import Table, left_over, quotient, taken_off, whole
from gradcmp.native.torch.rules import elementwise
from gradcmp.native.torch.rules.rule import Context, Rule, aten, bound, is_real, prims, table
from gradcmp.native.torch.subject import Tensor

ROUNDED = {
    "floor": torch.floor,
    "ceil": torch.ceil,
    "trunc": torch.trunc,
    "round": torch.round,
}


def _whole(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`floor`, `ceil`, `trunc`, `round`."""
    x, y = args[0], func(*args, **kwargs)
    if not is_real(x):
        return y
    name, scale = func.overloadpacket.__name__, 10.0 ** kwargs.get("decimals", 0)
    fork = whole(torch, x * scale, y, ROUNDED[name], halves=name == "round")
    fork.sides = fork.sides[0] / scale, fork.sides[1] / scale
    return context.branches.decide(fork)


def _quotient(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`floor_divide`, and `div` with a rounding mode."""
    mode = kwargs.get("rounding_mode")
    if func.overloadpacket is aten.div and mode is None:
        return elementwise.RULES[aten.div](context, func, args, kwargs)
    found = func(*args, **kwargs)
    if not is_real(found):
        return found
    x, y = map(_real, args[:2])
    u = context.rounding.precision.u
    taken = context.branches.decide(quotient(torch, x, y, found, ROUNDED[mode or "floor"], u))
    return _settled(context, taken)


def _remainder(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`remainder`, `fmod`, and `frac`, which is fmod by 1."""
    rest = func(*args, **kwargs)
    if not is_real(rest):
        return rest
    x, y = map(_real, (*args, 1.0)[:2])
    down = torch.floor if func.overloadpacket.__name__ == "remainder" else torch.trunc
    count = taken_off(torch, x, y, rest)
    u = context.rounding.precision.u
    taken = context.branches.decide(quotient(torch, x, y, count, down, u))
    return left_over(torch, rest, y, count - taken)


def _place(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`searchsorted` and `bucketize`."""
    places, given = func(*args, **kwargs), bound(func, args, kwargs)
    values = _real(given["self"])
    sorter = given.get("sorter")
    numbers = given["boundaries"] if "boundaries" in given else given["sorted_sequence"]
    if not is_real(numbers) or not numbers.shape[-1]:
        return places
    if sorter is not None:
        numbers = numbers.gather(-1, sorter)
    numbers = numbers.contiguous()

    def numbers_at(places: Tensor) -> Tensor:
        return numbers[places] if numbers.dim() == 1 else numbers.gather(-1, places.long())

    def place(values: Tensor, right: bool) -> Tensor:
        return torch.searchsorted(numbers, values.contiguous(), right=right).to(places.dtype)

    looked_in = Table(torch, numbers_at, place, numbers.shape[-1])
    nearest = context.once(func, places, lambda: looked_in.nearest(values, places))
    return context.branches.decide(looked_in.jump(values, places, nearest))


def _cast(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What makes whole numbers of real ones cuts them down, and what makes truth values asks."""
    x, y = args[0], func(*args, **kwargs)
    if not is_real(x) or y.dtype.is_floating_point or y.dtype.is_complex:
        return y
    if y.dtype == torch.bool:
        return context.branches.decide(Fork(y, operands=(x, 0.0)))
    return context.branches.decide(whole(torch, x, y, lambda one: one.to(y.dtype)))


def _settled(context: Context, y: Tensor) -> Tensor:
    """Return what is rounded once where the dtype does not have it."""
    kept = context.rounding.representable(y)
    return y if bool(kept.all()) else torch.where(kept, y, context.rounding.jitter(y, 1.0))


def _real(operand: Any) -> Tensor:
    return torch.as_tensor(operand, dtype=torch.float64)


RULES: dict[Any, Rule] = {
    **table(
        {
            "floor ceil trunc round": _whole,
            "floor_divide div": _quotient,
            "remainder fmod frac": _remainder,
            "searchsorted bucketize": _place,
            "_to_copy": _cast,
        }
    ),
    **table(
        {
            "floor ceil trunc round": _whole,
            "remainder fmod": _remainder,
            "convert_element_type": _cast,
        },
        prims,
    ),
}
