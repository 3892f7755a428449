"""Losses with a margin."""

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
from gradcmp.ops.losses.regression import require_alike
from gradcmp.ops.primitives import constant, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Integers, Kink, Op, Pullback, ShapeError
from gradcmp.ops.static import require_number

COSINE_EPS = 1e-12  # torch adds it to each squared length


def _hinge_infer(x: ArraySpec, target: ArraySpec, reduction: str = "mean") -> ArraySpec:
    require_alike(x, target)
    return reduced_shape(x.shape, reduction)


def hinge_loss(x: Array, target: Array, reduction: str = "mean") -> tuple[Array, Pullback]:
    """max(0, 1 - target * x), the targets being -1 and 1: that of support vector machines.

    Its mean, its sum, or "none": one for each element. As hinge_loss of Optax and hinge of Keras;
    torch's hinge_embedding_loss is another: margin_ranking_loss with margin 1 is this one.

    VJP: dx = -target * dy where target * x < 1, else 0, dtarget = -x * dy there; for the mean
    divided by the elements.
    Convention: 0 at target * x = 1.
    """
    slack = 1 - target * x
    off = np.real(slack) <= 0
    loss = np.where(off, 0, slack)

    def pullback(dy: Array) -> tuple[Array, Array]:
        share = shared(dy, reduction, np.shape(x))
        return np.where(off, 0, -target * share), np.where(off, 0, -x * share)

    return reduced(loss, reduction), pullback


def _hinge_torch(torch: Any, x: Any, target: Any, reduction: str = "mean") -> Any:
    return torch.nn.functional.margin_ranking_loss(
        x, torch.zeros_like(x), target, margin=1.0, reduction=reduction
    )


ELEMENTS = {"x": (4, 3), "target": (4, 3)}

register(
    Op(
        "hinge_loss",
        hinge_loss,
        infer=_hinge_infer,
        native={
            "torch": _hinge_torch,
            "tensorflow": lambda tf, x, target, reduction="mean": reduced_in_tensorflow(
                tf, tf.nn.relu(1 - target * x), reduction
            ),
            "jax": lambda jax, x, target, reduction="mean": reduced_in_jax(
                jax, jax.nn.relu(1 - target * x), reduction
            ),
        },
        examples=(
            Example("hinge_loss(x, target)", ELEMENTS),
            *reductions("hinge_loss(x, target", ELEMENTS),
        ),
        compares=True,
        kinks=(
            Kink(
                "target * x = 1",
                "hinge_loss(x, target)",
                {"x": (1.0,), "target": (1.0,)},
                "a subgradient of max(0, s) at 0 is any of [0, 1]",
                lambda x, target, **static: bool(np.any(target * x == 1)),
            ),
        ),
    )
)


def _cosine_infer(
    x: ArraySpec, y: ArraySpec, target: ArraySpec, margin: float = 0.0, reduction: str = "mean"
) -> ArraySpec:
    for spec in (x, y):
        require_float(spec)
    require_number("margin", margin)
    if x.shape != y.shape or len(x.shape) != 2 or not x.shape[1]:
        raise ShapeError(f"x {x.shape} and y {y.shape} are not (samples, width), both alike")
    if target.kind != "int" or target.shape != x.shape[:1]:
        raise ShapeError(
            f"the target {target.shape} of kind '{target.kind}' is not 1 or -1 for each sample"
        )
    return reduced_shape(target.shape, reduction)


def cosine_embedding_loss(
    x: Array, y: Array, target: Array, margin: float = 0.0, reduction: str = "mean"
) -> tuple[Array, Pullback]:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1, 0 for other targets.

    cos = <x, y> / sqrt((<x, x> + e) (<y, y> + e)) for each row, e = 1e-12 as in torch. Its mean,
    its sum, or "none": one for each row.

    VJP: with g = -dy or dy where the loss is 1 - cos or cos - margin, else 0, for the mean divided
    by the rows: dx = g * (y / n - cos * x / (<x, x> + e)), n being the square root; dy likewise.
    Convention: 0 at cos = margin.
    """
    eps = constant(COSINE_EPS, x)
    xx, yy = (total(z * z, 1, keepdims=True) + eps for z in (x, y))
    length = np.sqrt(xx) * np.sqrt(yy)
    cos = total(x * y, 1, keepdims=True) / length
    c = np.squeeze(cos, 1)
    slack = c - constant(margin, x)
    alike = np.equal(target, 1)
    off = np.logical_or(np.not_equal(target, -1), np.real(slack) <= 0)
    loss = np.where(alike, 1 - c, np.where(off, 0, slack))

    def pullback(dy: Array) -> tuple[Array, Array, None]:
        share = shared(dy, reduction, np.shape(c))
        g = np.expand_dims(np.where(alike, -share, np.where(off, 0, share)), 1)
        return g * (y / length - cos * x / xx), g * (x / length - cos * y / yy), None

    return reduced(loss, reduction), pullback


def _cosine_tensorflow(
    tf: Any, x: Any, y: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    dot, xx, yy = (tf.reduce_sum(z, axis=1) for z in (x * y, tf.square(x), tf.square(y)))
    c = dot * tf.math.rsqrt((xx + COSINE_EPS) * (yy + COSINE_EPS))
    apart = tf.where(tf.equal(target, -1), tf.nn.relu(c - margin), 0)
    return reduced_in_tensorflow(tf, tf.where(tf.equal(target, 1), 1 - c, apart), reduction)


def _cosine_jax(
    jax: Any, x: Any, y: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    jnp = jax.numpy
    dot, xx, yy = (jnp.sum(z, axis=1) for z in (x * y, jnp.square(x), jnp.square(y)))
    c = dot / jnp.sqrt((xx + COSINE_EPS) * (yy + COSINE_EPS))
    apart = jnp.where(jnp.equal(target, -1), jax.nn.relu(c - margin), 0)
    return reduced_in_jax(jax, jnp.where(jnp.equal(target, 1), 1 - c, apart), reduction)


PAIRS = {"x": (6, 3), "y": (6, 3), "target": (6,)}

register(
    Op(
        "cosine_embedding_loss",
        cosine_embedding_loss,
        infer=_cosine_infer,
        native={
            "torch": lambda torch, x, y, target, margin=0.0, reduction="mean": (
                torch.nn.functional.cosine_embedding_loss(
                    x, y, target, margin=margin, reduction=reduction
                )
            ),
            "tensorflow": _cosine_tensorflow,
            "jax": _cosine_jax,
        },
        domain={"target": Integers(-1, 2)},
        bounds=lambda *_, **__: (None, None, range(-1, 2)),
        examples=(
            Example("cosine_embedding_loss(x, y, target)", PAIRS),
            Example("cosine_embedding_loss(x, y, target, margin=-0.5)", PAIRS),
            *reductions("cosine_embedding_loss(x, y, target, 0.1", PAIRS),
        ),
        compares=True,
    )
)
