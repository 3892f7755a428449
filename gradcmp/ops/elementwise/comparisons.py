"""Comparisons: two operands of one kind, broadcast; booleans out, nothing to differentiate."""

from __future__ import annotations

import numpy as np

from gradcmp.ops.blocks import binary, spelled
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import comparison
from gradcmp.ops.spec import Array, Pullback


def _constant(dz: Array) -> tuple[None, None]:
    return None, None


def greater(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x > y, true or false. No derivative."""
    return np.greater(np.real(x), np.real(y)), _constant


def greater_equal(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x >= y, true or false. No derivative."""
    return np.greater_equal(np.real(x), np.real(y)), _constant


def less(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x < y, true or false. No derivative."""
    return np.less(np.real(x), np.real(y)), _constant


def less_equal(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x <= y, true or false. No derivative."""
    return np.less_equal(np.real(x), np.real(y)), _constant


def equal(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x == y, true or false. No derivative."""
    return np.equal(np.real(x), np.real(y)), _constant


def not_equal(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x != y, true or false. No derivative."""
    return np.not_equal(np.real(x), np.real(y)), _constant


for _reference, _sign, _torch in (
    (greater, ">", "greater"),
    (greater_equal, ">=", "greater_equal"),
    (less, "<", "less"),
    (less_equal, "<=", "less_equal"),
    (equal, "==", "eq"),  # torch.equal asks about whole tensors
    (not_equal, "!=", "not_equal"),
):
    # Functions, not operators: in a TensorFlow 1 session `==` asks for identity.
    _native = spelled(
        torch=_torch, tensorflow=f"math.{_reference.__name__}", jax=f"numpy.{_reference.__name__}"
    )
    register(
        binary(_reference, _native, comparison, sign=_sign, differentiable=False, compares=True)
    )
