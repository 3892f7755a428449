"""Losses of distances."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.losses.reduction import (
    reduced,
    reduced_in_jax,
    reduced_in_tensorflow,
    reduced_shape,
    reductions,
    shared,
)
from gradcmp.ops.primitives import constant, magnitude, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Native, Op, Pullback, ShapeError
from gradcmp.ops.static import require_bool, require_number


def _infer(
    anchor: ArraySpec,
    positive: ArraySpec,
    negative: ArraySpec,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> ArraySpec:
    for spec in (anchor, positive, negative):
        require_float(spec)
        if spec.shape != anchor.shape:
            raise ShapeError(f"shapes {anchor.shape} and {spec.shape} differ")
    if not anchor.shape or not anchor.shape[-1]:
        raise ShapeError(f"the anchor {anchor.shape} has no coordinates along its last axis")
    require_number("margin", margin)
    require_number("p", p, low=1)
    require_number("eps", eps, low=0)
    require_bool("swap", swap)
    return reduced_shape(anchor.shape[:-1], reduction)


def _distance(x: Array, y: Array, p: float, eps: float) -> tuple[Array, Array]:
    """Return the p-norm of x - y + eps along the last axis, and its derivative by x."""
    z = x - y + constant(eps, x)
    size, sign = magnitude(z), np.sign(np.real(z))
    if p == 1:
        return total(size, -1), sign
    if p == 2:
        norm = np.sqrt(total(z * z, -1, keepdims=True))
        at_zero = np.equal(norm, 0)
        return np.squeeze(norm, -1), z / np.where(at_zero, 1, norm)
    norm = total(size ** constant(p, x), -1, keepdims=True) ** constant(1 / p, x)
    ratio = size / np.where(np.equal(norm, 0), 1, norm)
    return np.squeeze(norm, -1), sign * ratio ** constant(p - 1, x)


def triplet_margin_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> tuple[Array, Pullback]:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), d the p-norm of x - y + eps.

    Along the last axis. With swap the smaller of d(anchor, negative) and d(positive, negative) is
    taken. Its mean, its sum, or "none": one for each triplet.

    VJP: where it is not 0, with n(z) = sign(z) * (|z| / ||z||)^(p - 1) of each difference:
    danchor = (n(z_ap) - n(z_an)) * dy, dpositive = -n(z_ap) * dy, dnegative = n(z_an) * dy, for the
    mean divided by the triplets; where swap takes the other distance, positive stands for anchor in
    what has n(z_an).
    Convention: 0 where it is just 0, as is the derivative of a norm at 0; at a tie no distance is
    swapped.
    Ref: Balntas et al. (2016), with swap.
    """
    near, n_near = _distance(anchor, positive, p, eps)
    far, n_far = _distance(anchor, negative, p, eps)
    swapped = np.zeros(np.shape(far), bool)
    if swap:
        other, n_other = _distance(positive, negative, p, eps)
        swapped = np.real(other) < np.real(far)
        far = np.where(swapped, other, far)
        n_far = np.where(np.expand_dims(swapped, -1), n_other, n_far)
    slack = constant(margin, anchor) + near - far
    off = np.real(slack) <= 0
    loss = np.where(off, 0, slack)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        share = np.where(off, 0, shared(dy, reduction, np.shape(slack)))
        g = np.expand_dims(share, -1)
        danchor, dnegative = g * n_near, g * n_far
        if not swap:
            return danchor - dnegative, -danchor, dnegative
        by = np.expand_dims(swapped, -1)
        from_anchor, from_positive = np.where(by, 0, dnegative), np.where(by, dnegative, 0)
        return danchor - from_anchor, -danchor - from_positive, dnegative

    return reduced(loss, reduction), pullback


def _torch(torch: Any, anchor: Any, positive: Any, negative: Any, **static: Any) -> Any:
    return torch.nn.functional.triplet_margin_loss(anchor, positive, negative, **static)


def _by_norms(
    norm: Native,
    minimum: Native,
    relu: Native,
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
) -> Any:
    """Return the loss of each triplet, of a framework's own norm."""

    def distance(x: Any, y: Any) -> Any:
        return norm(x - y + eps, ord=p, axis=-1)

    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return relu(margin + near - far)


def _tensorflow(tf: Any, *operands: Any, reduction: str = "mean", **static: Any) -> Any:
    loss = _by_norms(tf.norm, tf.minimum, tf.nn.relu, *operands, **static)
    return reduced_in_tensorflow(tf, loss, reduction)


def _jax(jax: Any, *operands: Any, reduction: str = "mean", **static: Any) -> Any:
    jnp = jax.numpy
    loss = _by_norms(jnp.linalg.norm, jnp.minimum, jax.nn.relu, *operands, **static)
    return reduced_in_jax(jax, loss, reduction)


CALL = "triplet_margin_loss(anchor, positive, negative"
TRIPLETS = {"anchor": (5, 3), "positive": (5, 3), "negative": (5, 3)}

register(
    Op(
        "triplet_margin_loss",
        triplet_margin_loss,
        infer=_infer,
        native={"torch": _torch, "tensorflow": _tensorflow, "jax": _jax},
        examples=(
            Example(f"{CALL})", TRIPLETS),
            *reductions(f"{CALL}, margin=0.5, swap=True", TRIPLETS),
            Example(f"{CALL}, p=3, eps=0.01)", TRIPLETS),
            Example(f"{CALL}, p=1, swap=True)", TRIPLETS),
            Example(
                f"{CALL}, 2.0)", {"anchor": (2, 2, 3), "positive": (2, 2, 3), "negative": (2, 2, 3)}
            ),
        ),
        compares=True,
    )
)
