"""What is planted: bugs of kernels, and gradients that are changed on their way through a twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmarks.native.twins import Twins

FLOAT64 = (torch.float64,)


class Spoiled(torch.autograd.Function):
    """The identity, whose gradient is changed."""

    @staticmethod
    def forward(ctx, h, change, right):
        ctx.change, ctx.is_right = change, h.dtype in right
        return h.view_as(h)

    @staticmethod
    def backward(ctx, dh):
        return (dh if ctx.is_right else ctx.change(dh.clone())), None, None


def last_left_out(dh):
    dh[-1] = 0
    return dh


def one_off(dh, by):
    flat = dh.reshape(-1)
    flat[flat.abs().argmax()] *= 1 + by
    return flat.reshape(dh.shape)


STRUCTURAL: Mapping[str, Callable[[Any], Any]] = {
    "path cut": torch.zeros_like,
    "negated": torch.neg,
    "doubled": lambda dh: 2 * dh,
    "last rows left out": last_left_out,
    "rows shifted": lambda dh: dh.roll(1, 0),
    "columns reversed": lambda dh: dh.flip(-1),
    "rows not centred": lambda dh: dh - dh.mean(-1, keepdim=True),
}
SMALL: Mapping[str, Callable[[Any], Any]] = {
    "all × (1 + 1e-4)": lambda dh: dh * (1 + 1e-4),
    "all × (1 + 1e-5)": lambda dh: dh * (1 + 1e-5),
    "one × (1 + 1e-3)": partial(one_off, by=1e-3),
    "one × (1 + 1e-4)": partial(one_off, by=1e-4),
}


@dataclass(frozen=True)
class Mutant:
    kind: str
    function: Callable[..., Any]


def of_twins(
    twins: Twins, changes: Mapping[str, Callable[[Any], Any]], alone: bool
) -> Iterator[Mutant]:
    """Return the second torch function with each change; in float64 right, if alone."""
    other, right = twins.others["torch"], FLOAT64 if alone else ()
    for kind, change in changes.items():
        yield Mutant(
            kind, partial(other, spoil=lambda h, change=change: Spoiled.apply(h, change, right))
        )


class RefusesFloat64Error(TypeError):
    """What a kernel says that has no float64."""


def without_float64(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that refuses float64, so that nothing but its noise can tell."""

    def refuses(*args: Any, **named: Any) -> Any:
        tensors = (one for one in (*args, *named.values()) if isinstance(one, torch.Tensor))
        if any(one.dtype == torch.float64 for one in tensors):
            raise RefusesFloat64Error("this kernel has no float64")
        return function(*args, **named)

    return refuses
