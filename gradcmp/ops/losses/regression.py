"""Losses of real numbers: how far each is from its target."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.losses.reduction import (
    reduced,
    reduced_in_jax,
    reduced_in_tensorflow,
    reduced_shape,
    reductions,
    shared,
)
from gradcmp.ops.primitives import constant, magnitude
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Kink, Op, Pullback, ShapeError
from gradcmp.ops.static import require_number

SHAPES: tuple[Shape, ...] = ((4, 3), (5,), ())


def require_alike(x: ArraySpec, target: ArraySpec) -> None:
    """Refuse operands that are not of one shape: to broadcast (n, 1) with (n,) gives n * n losses.

    torch broadcasts them with a warning, and JAX without one.
    """
    for spec in (x, target):
        require_float(spec)
    if x.shape != target.shape:
        raise ShapeError(f"x {x.shape} and the target {target.shape} differ in shape")


def _infer(x: ArraySpec, target: ArraySpec, reduction: str = "mean") -> ArraySpec:
    require_alike(x, target)
    return reduced_shape(x.shape, reduction)


def _pullback(slope: Array, reduction: str, shape: Shape) -> Pullback:
    """Return the pullback of a loss of x - target with this slope."""

    def pullback(dy: Array) -> tuple[Array, Array]:
        dx = slope * shared(dy, reduction, shape)
        return dx, -dx

    return pullback


def mse_loss(x: Array, target: Array, reduction: str = "mean") -> tuple[Array, Pullback]:
    """(x - target)^2; its mean, its sum, or "none": one for each element.

    VJP: dx = 2 * (x - target) * dy, for the mean divided by the elements; dtarget = -dx.
    """
    d = x - target
    return reduced(d * d, reduction), _pullback(2 * d, reduction, np.shape(x))


def l1_loss(x: Array, target: Array, reduction: str = "mean") -> tuple[Array, Pullback]:
    """|x - target|; its mean, its sum, or "none": one for each element.

    VJP: dx = sign(x - target) * dy, for the mean divided by the elements; dtarget = -dx.
    Convention: 0 where they are equal.
    """
    d = x - target
    return reduced(magnitude(d), reduction), _pullback(np.sign(np.real(d)), reduction, np.shape(x))


def _smooth_infer(
    x: ArraySpec, target: ArraySpec, reduction: str = "mean", beta: float = 1.0
) -> ArraySpec:
    require_number("beta", beta, low=0)
    return _infer(x, target, reduction)


def smooth_l1_loss(
    x: Array, target: Array, reduction: str = "mean", beta: float = 1.0
) -> tuple[Array, Pullback]:
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, with d = x - target.

    Its mean, its sum, or "none": one for each element. With beta 0 it is l1_loss.

    VJP: dx = d / beta * dy, at most dy in size, for the mean divided by the elements;
    dtarget = -dx.
    Ref: Girshick (2015), with beta. huber_loss is beta times as large.
    """
    if not beta:
        return l1_loss(x, target, reduction)
    width = constant(beta, x)
    d = x - target
    near = np.real(magnitude(d)) < beta
    loss = np.where(near, d * d / (2 * width), magnitude(d) - width / 2)
    slope = np.where(near, d / width, np.sign(np.real(d)))
    return reduced(loss, reduction), _pullback(slope, reduction, np.shape(x))


def _huber_infer(
    x: ArraySpec, target: ArraySpec, reduction: str = "mean", delta: float = 1.0
) -> ArraySpec:
    require_number("delta", delta, low=0)
    if not delta:
        raise ShapeError("delta is 0, and must be larger: the loss would be 0 everywhere")
    return _infer(x, target, reduction)


def huber_loss(
    x: Array, target: Array, reduction: str = "mean", delta: float = 1.0
) -> tuple[Array, Pullback]:
    """d^2 / 2 where |d| <= delta, else delta * (|d| - delta / 2), with d = x - target.

    Its mean, its sum, or "none": one for each element.

    VJP: dx = d * dy, at most delta * dy in size, for the mean divided by the elements;
    dtarget = -dx.
    Ref: Huber (1964).
    """
    width = constant(delta, x)
    d = x - target
    near = np.real(magnitude(d)) <= delta
    loss = np.where(near, d * d / 2, width * (magnitude(d) - width / 2))
    slope = np.where(near, d, width * np.sign(np.real(d)))
    return reduced(loss, reduction), _pullback(slope, reduction, np.shape(x))


def _smooth_tensorflow(
    tf: Any, x: Any, target: Any, reduction: str = "mean", beta: float = 1.0
) -> Any:
    size = tf.abs(x - target)
    loss = size
    if beta:
        square = tf.math.squared_difference(x, target) / (2 * beta)
        loss = tf.where(tf.less(size, beta), square, size - beta / 2)
    return reduced_in_tensorflow(tf, loss, reduction)


def _smooth_jax(jax: Any, x: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    jnp, size = jax.numpy, jax.numpy.abs(x - target)
    loss = size
    if beta:
        square = jnp.square(x - target) / (2 * beta)
        loss = jnp.where(jnp.less(size, beta), square, size - beta / 2)
    return reduced_in_jax(jax, loss, reduction)


def _huber_tensorflow(
    tf: Any, x: Any, target: Any, reduction: str = "mean", delta: float = 1.0
) -> Any:
    size = tf.abs(x - target)
    square = tf.math.squared_difference(x, target) / 2
    loss = tf.where(tf.less_equal(size, delta), square, delta * (size - delta / 2))
    return reduced_in_tensorflow(tf, loss, reduction)


def _huber_jax(jax: Any, x: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """As Optax has it: the quadratic part, and what is linear beyond it."""
    jnp, size = jax.numpy, jax.numpy.abs(x - target)
    inner = jnp.minimum(size, delta)
    return reduced_in_jax(jax, inner * inner / 2 + delta * (size - inner), reduction)


def _examples(name: str, **values: tuple[float, ...]) -> tuple[Example, ...]:
    """Return a call for each shape, each reduction, and each value of a keyword."""
    shapes = {"x": (4, 3), "target": (4, 3)}
    return (
        *(Example(f"{name}(x, target)", {"x": shape, "target": shape}) for shape in SHAPES),
        *reductions(f"{name}(x, target", shapes),
        Example(f"{name}(x, target, reduction='sum')", {"x": (0, 2), "target": (0, 2)}),
        *(
            Example(f"{name}(x, target, {word}={value})", shapes)
            for word, several in values.items()
            for value in several
        ),
    )


register(
    Op(
        "mse_loss",
        mse_loss,
        infer=_infer,
        native={
            "torch": lambda torch, x, target, reduction="mean": torch.nn.functional.mse_loss(
                x, target, reduction=reduction
            ),
            "tensorflow": lambda tf, x, target, reduction="mean": reduced_in_tensorflow(
                tf, tf.math.squared_difference(x, target), reduction
            ),
            "jax": lambda jax, x, target, reduction="mean": reduced_in_jax(
                jax, jax.numpy.square(x - target), reduction
            ),
        },
        examples=_examples("mse_loss"),
    )
)
register(
    Op(
        "l1_loss",
        l1_loss,
        infer=_infer,
        native={
            "torch": lambda torch, x, target, reduction="mean": torch.nn.functional.l1_loss(
                x, target, reduction=reduction
            ),
            "tensorflow": lambda tf, x, target, reduction="mean": reduced_in_tensorflow(
                tf, tf.abs(x - target), reduction
            ),
            "jax": lambda jax, x, target, reduction="mean": reduced_in_jax(
                jax, jax.numpy.abs(x - target), reduction
            ),
        },
        examples=_examples("l1_loss"),
        compares=True,
        kinks=(
            Kink(
                "x = target",
                "l1_loss(x, target)",
                {"x": (1.0, 2.0), "target": (1.0, 0.0)},
                "a subgradient is any of [-1 / n, 1 / n]",
                lambda x, target, **static: bool(np.any(x == target)),
            ),
        ),
    )
)
register(
    Op(
        "smooth_l1_loss",
        smooth_l1_loss,
        infer=_smooth_infer,
        native={
            "torch": lambda torch, x, target, reduction="mean", beta=1.0: (
                torch.nn.functional.smooth_l1_loss(x, target, reduction=reduction, beta=beta)
            ),
            "tensorflow": _smooth_tensorflow,
            "jax": _smooth_jax,
        },
        examples=_examples("smooth_l1_loss", beta=(0.5, 2, 0)),
        compares=True,
    )
)
register(
    Op(
        "huber_loss",
        huber_loss,
        infer=_huber_infer,
        native={
            "torch": lambda torch, x, target, reduction="mean", delta=1.0: (
                torch.nn.functional.huber_loss(x, target, reduction=reduction, delta=delta)
            ),
            "tensorflow": _huber_tensorflow,
            "jax": _huber_jax,
        },
        examples=_examples("huber_loss", delta=(0.5, 2)),
        compares=True,
    )
)
