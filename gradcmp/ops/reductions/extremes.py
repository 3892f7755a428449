"""The largest and the smallest along axes, and the smooth maximum."""

from __future__ import annotations

from functools import partial

import numpy as np

from gradcmp.ops.blocks import spelled
from gradcmp.ops.kinks import HALVES, masked, tied
from gradcmp.ops.primitives import drop, expand, spread, total
from gradcmp.ops.reductions.sums import calls, several, torch_reduction
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import Axis, floating_reduction
from gradcmp.ops.spec import Array, Kink, Op, Pullback


def _shared(x: Array, y: Array, axis: Axis) -> Pullback:
    """Return what hands dy to the elements of x that equal the extreme y, in equal shares."""
    best = np.real(x) == np.real(expand(y, axis, np.ndim(x)))
    ties = total(np.where(best, np.ones_like(np.real(x)), 0), axis, keepdims=True)

    def pullback(dy: Array) -> tuple[Array]:
        return (np.where(best, expand(dy, axis, np.ndim(x)) / ties, 0),)

    return pullback


def max(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Largest element along `axis`.

    VJP: dx = dy where x is the largest, else 0.
    Convention: equal largest elements share dy. A NaN anywhere gives NaN, and 0 to all.
    """
    y: Array = np.max(x, axis=axis, keepdims=keepdims)
    return y, _shared(x, y, axis)


def min(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Smallest element along `axis`.

    VJP: dx = dy where x is the smallest, else 0.
    Convention: equal smallest elements share dy. A NaN anywhere gives NaN, and 0 to all.
    """
    y: Array = np.min(x, axis=axis, keepdims=keepdims)
    return y, _shared(x, y, axis)


register(
    Op(
        "max",
        max,
        infer=floating_reduction,
        native={
            "torch": torch_reduction("amax", named=True),
            **spelled(tensorflow="reduce_max", jax="numpy.max"),
        },
        examples=calls("max", *several("max")),
        compares=True,
        kinks=(Kink("ties", "max(x)", {"x": (3.0, 1.0, 3.0)}, HALVES, tied),),
    )
)
register(
    Op(
        "min",
        min,
        infer=floating_reduction,
        native={
            "torch": torch_reduction("amin", named=True),
            **spelled(tensorflow="reduce_min", jax="numpy.min"),
        },
        examples=calls("min", *several("min")),
        compares=True,
        kinks=(
            Kink("ties", "min(x)", {"x": (1.0, 3.0, 1.0)}, HALVES, partial(tied, smallest=True)),
        ),
    )
)


def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """log(sum exp(x)) along `axis`, shifted by the largest element so that nothing overflows.

    VJP: dx_i = exp(x_i - y) * dy.
    """
    largest = np.max(np.real(x), axis=axis, keepdims=True)
    shift = np.where(np.isfinite(largest), largest, 0)
    full = np.log(total(np.exp(x - shift), axis, keepdims=True)) + shift
    y = full if keepdims else drop(full, axis)

    def pullback(dy: Array) -> tuple[Array]:
        return (np.exp(x - full) * spread(expand(dy, axis, np.ndim(x)), np.shape(x)),)

    return y, pullback


register(
    Op(
        "logsumexp",
        logsumexp,
        infer=floating_reduction,
        native={
            "torch": torch_reduction("logsumexp", named=True),
            **spelled(tensorflow="reduce_logsumexp", jax="nn.logsumexp"),
        },
        examples=calls("logsumexp", *several("logsumexp")),
        kinks=(masked("logsumexp(x)", axis=None),),
    )
)
