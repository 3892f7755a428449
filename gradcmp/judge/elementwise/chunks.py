"""Arrays of any layout and dtype, read in pieces of one dtype, without a copy of the whole.

What is computed of a piece is computed once, in memory that the next piece uses again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import local
from typing import Any

import numpy as np

from gradcmp.recording import BFLOAT16, Array

Load = Callable[[Array], Array]


def aligned(actual: Array, expected: Array) -> tuple[Array, Array, tuple[int, ...]]:
    """Return both arrays with their axes in the order in which `expected` lies in memory.

    Returns
    -------
    actual, expected : array
        Views.
    order : tuple of int
        The axis of the original that each axis was.
    """
    if expected.flags.c_contiguous:
        return actual, expected, tuple(range(expected.ndim))
    strides = [abs(stride) for stride in expected.strides]
    order = tuple(sorted(range(expected.ndim), key=lambda axis: -strides[axis]))
    return actual.transpose(order), expected.transpose(order), order


def pieces(
    actual: Array, expected: Array, start: int, stop: int, size: int
) -> Iterator[tuple[int, Array, Array]]:
    """Return the elements from flat index `start` to `stop` in contiguous pieces of up to `size`.

    Each piece comes with its flat index; it is a view where the layout allows, else a buffer that
    the next piece overwrites. Byte order is the machine's; bfloat16 comes as its bits in uint16.
    """
    arrays = [a.view(np.uint16) if a.dtype == BFLOAT16 else a for a in (actual, expected)]
    if all(a.flags.c_contiguous and a.dtype.isnative for a in arrays):
        flat = [a.reshape(-1) for a in arrays]
        for here in range(start, stop, size):
            end = min(here + size, stop)
            yield here, flat[0][here:end], flat[1][here:end]
        return
    flags: Any = [["readonly", "contig", "aligned", "nbo"]] * 2  # the stubs miss "contig"
    reader: Any = np.nditer(  # and that iterrange can be set
        arrays,
        flags=["external_loop", "buffered", "ranged"],
        op_flags=flags,
        op_dtypes=[a.dtype.newbyteorder("=") for a in arrays],
        order="C",
        buffersize=size,
    )
    reader.iterrange = (start, stop)
    here = start
    for a, e in reader:
        yield here, a, e
        here += len(a)


class Buffers(local):
    """Room for intermediate results, which one chunk after another uses again, in each thread.

    To ask the system for new memory takes longer than what is computed in it: so they are kept.
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, str], Array] = {}

    def take(self, name: str, dtype: str, size: int) -> Array:
        """Return a flat buffer for results of one kind, as they were left."""
        buffer = self._buffers.get((name, dtype))
        if buffer is None or len(buffer) < size:
            buffer = self._buffers[name, dtype] = np.empty(size, dtype)
        return buffer if len(buffer) == size else buffer[:size]


BUFFERS = Buffers()


def loader(name: str, dtype: np.dtype[Any], carrier: np.dtype[Any]) -> Load:
    """Return the function that turns pieces of `dtype` into pieces of `carrier`, exactly."""
    if dtype == carrier:
        return lambda piece: piece

    def cast(piece: Array) -> Array:
        out = BUFFERS.take(f"{name} as read", carrier.char, len(piece))
        np.copyto(out, piece.view(BFLOAT16) if dtype == BFLOAT16 else piece)
        return out

    return cast
