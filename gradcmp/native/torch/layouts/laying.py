"""Tensors of the same numbers in other layouts, with other numbers where no element lies.

Whoever reads one as if it were contiguous stays inside of its memory, and reads what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from gradcmp.native.layouts.layout import Layout
from gradcmp.native.torch.subject import Tensor

OTHER = -1.75  # times some element: what lies between the elements
PADDING = 8  # elements of the last axis: what follows stays aligned


def laid_out(tensor: Tensor, layout: Layout) -> Tensor:
    """Return a tensor in another layout; as it is where it has too few axes or elements for one.

    What is real keeps its gradient: that of the copy is that of the tensor.
    """
    if not layout.applies(tuple(tensor.shape)):
        return tensor
    if not torch.is_grad_enabled():
        return _copy(tensor, layout)
    found: Tensor = _Copied.apply(tensor, layout)
    return found


class _Copied(torch.autograd.Function):  # type: ignore[misc]
    """A copy that lies in memory otherwise; its gradient is handed on as it is.

    No view, which torch would not let a function change in place.
    """

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, layout: Layout) -> Tensor:
        copy = _copy(tensor, layout)
        place = copy.untyped_storage(), copy.storage_offset(), copy.shape, copy.stride()
        return torch.empty(0, dtype=copy.dtype, device=copy.device).set_(*place)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return gradients[0], None


def _copy(tensor: Tensor, layout: Layout) -> Tensor:
    copy = COPIES[layout.form](tensor, layout.axis)
    if not layout.misread:
        return copy
    contiguous = torch.empty_like(tensor, memory_format=torch.contiguous_format)
    return contiguous.copy_(copy.as_strided(contiguous.shape, contiguous.stride()))


def _others(tensor: Tensor) -> Tensor:
    """Return as many numbers of the same size; whole ones are valid where the elements are."""
    turned = tensor.contiguous().view(-1).roll(1)
    return turned * OTHER if tensor.is_floating_point() else turned


def _expanded(tensor: Tensor, axis: int | None) -> Tensor:
    """Return one row for all, in memory that would do for each to have its own."""
    room = _others(tensor)
    kept = [*tensor.shape]
    for one in range(tensor.ndim) if axis is None else (axis,):
        kept[one] = 1
    row = room[: math.prod(kept)].view(kept)
    row.copy_(tensor[tuple(slice(length) for length in kept)])
    return row.expand(tensor.shape)


def _narrowed(tensor: Tensor, axis: int | None) -> Tensor:
    assert axis is not None
    length = tensor.shape[axis]
    shape = [*tensor.shape]
    shape[axis] = PADDING if axis == -1 else 1
    beside = _others(tensor)[:1].expand(math.prod(shape)).reshape(shape)
    return torch.cat([beside, tensor, beside], axis).narrow(axis, shape[axis], length)


def _strided(tensor: Tensor, axis: int | None) -> Tensor:
    return torch.stack([tensor, _others(tensor).view(tensor.shape)], -1)[..., 0]


def _transposed(tensor: Tensor, axis: int | None) -> Tensor:
    assert axis is not None
    return tensor.transpose(axis, axis + 1).contiguous().transpose(axis, axis + 1)


def _channels_last(tensor: Tensor, axis: int | None) -> Tensor:
    return tensor.contiguous(memory_format=CHANNELS_LAST[tensor.ndim])


CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
COPIES: Mapping[str, Callable[[Tensor, int | None], Tensor]] = {
    "expanded": _expanded,
    "narrowed": _narrowed,
    "strided": _strided,
    "transposed": _transposed,
    "channels-last": _channels_last,
}
