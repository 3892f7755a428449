"""How the loss of each element or row becomes the loss: its mean, its sum, or as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.primitives import average, total
from gradcmp.ops.spec import Array, ArraySpec, Example, Native, ShapeError
from gradcmp.ops.static import require_choice

REDUCTIONS = ("mean", "sum", "none")


def reduced_shape(shape: Shape, reduction: str, choices: Sequence[str] = REDUCTIONS) -> ArraySpec:
    """Return the shape of the loss.

    Raises
    ------
    ShapeError
        For another reduction, and for a mean over nothing: torch and JAX would say NaN.
    """
    require_choice("reduction", reduction, choices)
    if "mean" in reduction and 0 in shape:
        raise ShapeError(f"the mean of no losses, those of shape {shape}, is undefined")
    return ArraySpec(shape if reduction == "none" else ())


def reduced(loss: Array, reduction: str) -> Array:
    """Return the mean or the sum of all losses, or every one of them."""
    if reduction == "mean":
        return average(loss)
    return total(loss) if reduction == "sum" else loss


def shared(dy: Array, reduction: str, shape: Shape) -> Array:
    """Return the cotangent of each loss, of which there are as `shape` says: dy / n for the mean.

    It broadcasts to that shape.
    """
    return dy / int(np.prod(shape, dtype=np.int64)) if reduction == "mean" else dy


def with_slope(kernel: Native, composed: Native, *weights: Any) -> Any:
    """Return what torch's kernel gives, with a derivative for weights, for which it has none.

    The kernel takes them as constants. What is added to it is zero, and its derivative theirs.
    """
    frozen = [None if weight is None else weight.detach() for weight in weights]
    return kernel(*frozen) + (composed(*weights) - composed(*frozen))


def reduced_in_torch(torch: Any, loss: Any, reduction: str) -> Any:
    """Return what `reduced` does, as torch writes it."""
    return loss if reduction == "none" else getattr(torch, reduction)(loss)


def reduced_in_tensorflow(tf: Any, loss: Any, reduction: str) -> Any:
    """Return what `reduced` does, as TensorFlow writes it."""
    return loss if reduction == "none" else getattr(tf, f"reduce_{reduction}")(loss)


def reduced_in_jax(jax: Any, loss: Any, reduction: str) -> Any:
    """Return what `reduced` does, as JAX writes it."""
    return loss if reduction == "none" else getattr(jax.numpy, reduction)(loss)


def reductions(call: str, shapes: Mapping[str, Shape]) -> tuple[Example, ...]:
    """Return an example for each reduction of a call that lacks its last bracket."""
    return tuple(Example(f"{call}, reduction='{word}')", shapes) for word in REDUCTIONS)
