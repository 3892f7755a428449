"""What is reduced as one last axis, and the recurrence that runs back along it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gradcmp.ops.spec import Array


def as_rows(x: Array, axes: tuple[int, ...]) -> tuple[Array, Callable[[Array], Array]]:
    """Return x with some of its axes as one, the last, and what puts such an array back in shape.

    Parameters
    ----------
    axes : tuple of int
        Sorted, none below 0.
    """
    shape = np.shape(x)
    order = [i for i in range(len(shape)) if i not in axes] + list(axes)
    kept = len(shape) - len(axes)
    lengths = tuple(shape[i] for i in order)
    rows = np.reshape(np.transpose(x, order), (*lengths[:kept], math.prod(lengths[kept:])))

    def back(rows: Array) -> Array:
        return np.transpose(np.reshape(rows, lengths), [order.index(i) for i in range(len(order))])

    return rows, back


def carried_back(b: Array, a: Array) -> Array:
    """Return c with ``c_i = b_i + a_i c_(i+1)`` along the last axis; nothing follows the last.

    In log2(n) steps on all elements at once, each of which doubles how far a term is carried. No
    division: a zero in a is a number as any other. Ref: Blelloch (1990), Prefix sums and their
    applications, section 1.4.1.
    """
    step = 1
    while step < np.shape(b)[-1]:
        carried = b[..., :-step] + a[..., :-step] * b[..., step:]
        b = np.concatenate([carried, b[..., -step:]], axis=-1)
        a = np.concatenate([a[..., :-step] * a[..., step:], a[..., -step:]], axis=-1)
        step *= 2
    return b
