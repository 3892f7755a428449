"""Losses with a margin, and the divergence of distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.losses.reduction import (
    REDUCTIONS,
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
from gradcmp.ops.spec import (
    Array,
    ArraySpec,
    Example,
    Integers,
    Interval,
    Kink,
    Op,
    Pullback,
    ShapeError,
)
from gradcmp.ops.static import require_bool, require_number

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

KL_REDUCTIONS = (*REDUCTIONS, "batchmean")


def _kl_infer(
    x: ArraySpec, target: ArraySpec, reduction: str = "mean", log_target: bool = False
) -> ArraySpec:
    require_alike(x, target)
    require_bool("log_target", log_target)
    if reduction == "batchmean" and not x.shape:
        raise ShapeError("x () has no axis of samples to divide by")
    return reduced_shape(x.shape, reduction, KL_REDUCTIONS)


def kl_div(
    x: Array, target: Array, reduction: str = "mean", log_target: bool = False
) -> tuple[Array, Pullback]:
    """target * (log(target) - x), x being logarithms: what x is wrong by for each element.

    With log_target the target is of logarithms, too: exp(target) * (target - x). Its mean over all
    elements, its sum, "batchmean": the sum divided by the samples, which is the divergence of
    Kullback and Leibler, or "none": one for each element. An element whose target is 0 is 0.

    VJP: dx = -target * dy, dtarget = (log(target) + 1 - x) * dy, or with log_target
    dx = -exp(target) * dy, dtarget = exp(target) * (target - x + 1) * dy; divided by what the mean
    divides by.
    Convention: x is what is judged, the first argument as in torch, but the divergence is that of
    the target from x. Optax and Keras take the target for the first or for probabilities.
    """
    if log_target:
        p, log_p = np.exp(target), target
        loss = p * (log_p - x)
    else:
        none = np.equal(target, 0)
        p, log_p = target, np.log(np.where(none, 1, target))
        loss = np.where(none, 0, p * (log_p - x))
    batch = reduction == "batchmean"
    value = total(loss) / np.shape(x)[0] if batch else reduced(loss, reduction)

    def pullback(dy: Array) -> tuple[Array, Array]:
        share = dy / np.shape(x)[0] if batch else shared(dy, reduction, np.shape(x))
        away = log_p + 1 - x
        return -p * share, (p * away if log_target else away) * share

    return value, pullback


def _kl_torch(
    torch: Any, x: Any, target: Any, reduction: str = "mean", log_target: bool = False
) -> Any:
    """torch warns of its own mean, which is to change."""
    kl_div = torch.nn.functional.kl_div
    if reduction == "mean":
        return torch.mean(kl_div(x, target, reduction="none", log_target=log_target))
    return kl_div(x, target, reduction=reduction, log_target=log_target)


def _kl_tensorflow(
    tf: Any, x: Any, target: Any, reduction: str = "mean", log_target: bool = False
) -> Any:
    loss = tf.exp(target) * (target - x) if log_target else target * (tf.math.log(target) - x)
    if reduction == "batchmean":
        return tf.reduce_sum(loss) / x.shape[0]
    return reduced_in_tensorflow(tf, loss, reduction)


def _kl_jax(
    jax: Any, x: Any, target: Any, reduction: str = "mean", log_target: bool = False
) -> Any:
    if log_target:
        loss = jax.numpy.exp(target) * (target - x)
    else:
        loss = jax.scipy.special.xlogy(target, target) - target * x
    if reduction == "batchmean":
        return jax.numpy.sum(loss) / x.shape[0]
    return reduced_in_jax(jax, loss, reduction)


register(
    Op(
        "kl_div",
        kl_div,
        infer=_kl_infer,
        native={
            "torch": _kl_torch,
            "tensorflow": _kl_tensorflow,
            "jax": _kl_jax,
        },
        domain={"target": Interval(0.1, 0.9), "log_t": Interval(-2.0, 0.0)},
        examples=(
            Example("kl_div(x, target)", ELEMENTS),
            *(Example(f"kl_div(x, target, '{word}')", ELEMENTS) for word in KL_REDUCTIONS),
            *(
                Example(
                    f"kl_div(x, log_t, reduction='{word}', log_target=True)",
                    {"x": (4, 3), "log_t": (4, 3)},
                )
                for word in KL_REDUCTIONS
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
    alike = np.equal(target, 1)
    apart = np.logical_and(np.equal(target, -1), np.real(c) > margin)
    loss = np.where(alike, 1 - c, np.where(apart, c - constant(margin, x), 0))

    def pullback(dy: Array) -> tuple[Array, Array, None]:
        share = shared(dy, reduction, np.shape(c))
        g = np.expand_dims(np.where(alike, -share, np.where(apart, share, 0)), 1)
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
