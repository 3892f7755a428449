"""Running maxima: the largest so far along an axis, and the smooth one."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.kinks import HALVES
from gradcmp.ops.reductions.rows import carried_back
from gradcmp.ops.reductions.sums import running, running_calls
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, Kink, Op, Pullback


def cumulative_max(x: Array, axis: int | None = None) -> tuple[Array, Pullback]:
    """Largest so far along `axis`, which may be left out for one axis: y_i = max(x_0, ..., x_i).

    VJP: dx_i = dy_i + dy_(i+1) + ... as long as x_i is the largest so far, else 0.
    Convention: of equal ones the last so far is the largest, as torch has it.
    """
    along = -1 if axis is None else axis
    y: Array = np.maximum.accumulate(x, along)
    rows, so_far = (np.moveaxis(np.real(z), along, -1) for z in (x, y))
    surpassed = rows[..., 1:] >= so_far[..., :-1]

    def pullback(dy: Array) -> tuple[Array]:
        upstream = np.moveaxis(dy, along, -1)
        nothing = np.zeros_like(upstream[..., :1])
        stays = np.where(surpassed, 0, np.ones_like(upstream[..., 1:]))
        carried = carried_back(upstream, np.concatenate([stays, nothing], axis=-1))
        rest = np.where(surpassed, carried[..., 1:], 0)
        dx = np.concatenate([carried[..., :1], rest], axis=-1)
        return (np.moveaxis(dx, -1, along),)

    return y, pullback


def _cumulative_max_tensorflow(tf: Any, x: Any, axis: int | None = None) -> Any:
    """TensorFlow has none: maxima of two, each with what stands twice as far ahead."""
    along = (-1 if axis is None else axis) % len(x.shape)
    before, length, step = (slice(None),) * along, x.shape[along], 1
    y = x
    while step < length:
        first, later = y[(*before, slice(None, step))], y[(*before, slice(step, None))]
        y = tf.concat([first, tf.maximum(later, y[(*before, slice(None, -step))])], axis=along)
        step *= 2
    return tf.identity(y)


def _cumulative_max_jax(jax: Any, x: Any, axis: int | None = None) -> Any:
    return jax.lax.cummax(x, axis=(-1 if axis is None else axis) % x.ndim)


register(
    Op(
        "cumulative_max",
        cumulative_max,
        infer=running,
        native={
            "torch": lambda torch, x, axis=None: (
                torch.cummax(x, dim=-1 if axis is None else axis).values
            ),
            "tensorflow": _cumulative_max_tensorflow,
            "jax": _cumulative_max_jax,
        },
        examples=running_calls("cumulative_max"),
        kinks=(Kink("ties", "cumulative_max(x)", {"x": (1.0, 1.0, 1.0)}, HALVES),),
        compares=True,
    )
)


def _log_sums(x: Array) -> Array:
    """Return the running logarithms of sums of exponentials along the last axis.

    Each is a number s beside the largest m so far, ``log(s) + m``; sums of twice as many terms
    come from two of half as many.
    """
    m = np.real(x)
    shift = np.where(np.isfinite(m), m, 0)
    s = np.exp(x - shift)
    step = 1
    while step < np.shape(x)[-1]:
        top = np.maximum(shift[..., step:], shift[..., :-step])
        s = np.concatenate(
            [
                s[..., :step],
                s[..., step:] * np.exp(shift[..., step:] - top)
                + s[..., :-step] * np.exp(shift[..., :-step] - top),
            ],
            axis=-1,
        )
        shift = np.concatenate([shift[..., :step], top], axis=-1)
        step *= 2
    y: Array = np.log(s) + shift
    return y


def logcumsumexp(x: Array, axis: int | None = None) -> tuple[Array, Pullback]:
    """log(exp(x_0) + ... + exp(x_i)) along `axis`, shifted by the largest so far.

    VJP: dx_i = exp(x_i - y_i) * c_i with c_i = dy_i + exp(y_i - y_(i+1)) * c_(i+1).
    """
    along = -1 if axis is None else axis
    rows = np.moveaxis(x, along, -1)
    y = _log_sums(rows)

    def pullback(dy: Array) -> tuple[Array]:
        ratio = np.exp(y[..., :-1] - y[..., 1:])
        ratio = np.concatenate([ratio, np.zeros_like(y[..., :1])], axis=-1)
        carried = carried_back(np.moveaxis(dy, along, -1), ratio)
        return (np.moveaxis(np.exp(rows - y) * carried, -1, along),)

    return np.moveaxis(y, -1, along), pullback


def _logcumsumexp_jax(jax: Any, x: Any, axis: int | None = None) -> Any:
    return jax.lax.cumlogsumexp(x, axis=(-1 if axis is None else axis) % x.ndim)


register(
    Op(
        "logcumsumexp",
        logcumsumexp,
        infer=running,
        native={
            "torch": lambda torch, x, axis=None: torch.logcumsumexp(
                x, dim=-1 if axis is None else axis
            ),
            "tensorflow": lambda tf, x, axis=None: tf.math.cumulative_logsumexp(
                x, axis=-1 if axis is None else axis
            ),
            "jax": _logcumsumexp_jax,
        },
        examples=running_calls("logcumsumexp"),
    )
)
