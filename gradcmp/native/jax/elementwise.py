"""Primitives of JAX that compute element by element: their functions and their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from gradcmp.judge.noise.model import NoiseModel
from gradcmp.native.jax.stacks import Value, computed, is_noisy, moved

# The function, and its error in units roundoff where graphs have no rule for it; 0: exact.
ELEMENTWISE: Mapping[str, tuple[Callable[..., Any], float | None]] = {
    "abs": (np.abs, None),
    "acos": (np.arccos, 8),
    "acosh": (np.arccosh, 11),
    "add": (np.add, None),
    "add_any": (np.add, None),
    "asin": (np.arcsin, 8),
    "asinh": (np.arcsinh, 11),
    "atan": (np.arctan, 8),
    "atan2": (np.arctan2, 8),
    "atanh": (np.arctanh, 11),
    "cbrt": (np.cbrt, 4),
    "ceil": (np.ceil, None),
    "copy": (np.positive, None),
    "copy_p": (np.positive, None),
    "cos": (np.cos, None),
    "cosh": (np.cosh, 11),
    "digamma": (special.digamma, 15),
    "div": (np.divide, None),
    "eq": (np.equal, None),
    "erf": (special.erf, 15),
    "erf_inv": (special.erfinv, 15),
    "erfc": (special.erfc, 15),
    "exp": (np.exp, None),
    "exp2": (np.exp2, 4),
    "expm1": (np.expm1, None),
    "floor": (np.floor, None),
    "ge": (np.greater_equal, None),
    "gt": (np.greater, None),
    "is_finite": (np.isfinite, None),
    "le": (np.less_equal, None),
    "lgamma": (special.gammaln, 15),
    "log": (np.log, None),
    "log1p": (np.log1p, None),
    "logistic": (special.expit, 8),
    "lt": (np.less, None),
    "max": (np.maximum, None),
    "min": (np.minimum, None),
    "mul": (np.multiply, None),
    "ne": (np.not_equal, None),
    "neg": (np.negative, None),
    "nextafter": (np.nextafter, 0),
    "optimization_barrier": (np.positive, None),
    "pow": (np.power, None),
    "real": (np.real, 0),
    "rem": (np.fmod, None),
    "round": (np.rint, None),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 3),
    "sign": (np.sign, None),
    "sin": (np.sin, None),
    "sinh": (np.sinh, 11),
    "sqrt": (np.sqrt, None),
    "square": (np.square, None),
    "stop_gradient": (np.positive, None),
    "sub": (np.subtract, None),
    "tan": (np.tan, 11),
    "tanh": (np.tanh, None),
}
TOTAL: Mapping[str, np.ufunc] = {"le_to": np.less_equal, "lt_to": np.less}  # NaN is the largest
WHOLE: Mapping[str, Callable[..., Any]] = {  # of integers and truth values
    "and": np.bitwise_and,
    "div": lambda x, y: np.sign(x) * np.sign(y) * (np.abs(x) // np.abs(y)),
    "not": np.bitwise_not,
    "or": np.bitwise_or,
    "shift_left": np.left_shift,
    "shift_right_arithmetic": np.right_shift,
    "shift_right_logical": np.right_shift,
    "xor": np.bitwise_xor,
}
LOGICAL: Mapping[str, Callable[..., Any]] = {
    "and": np.logical_and,
    "not": np.logical_not,
    "or": np.logical_or,
    "xor": np.not_equal,
}
KNOWN = frozenset((*ELEMENTWISE, *TOTAL, *WHOLE, *LOGICAL))


def elementwise(name: str, model: NoiseModel, *values: Value) -> Value:
    """Compute a primitive of this file."""
    whole = all(value.dtype.kind in "iub" for value in values)
    if name in LOGICAL and all(value.dtype.kind == "b" for value in values):
        return computed(model, LOGICAL[name], None if name != "xor" else 0, *values)
    if name in WHOLE and whole:
        return computed(model, WHOLE[name], 0, *values)
    if name in TOTAL:
        return computed(model, TOTAL[name], None, *(_with_nan_last(model, one) for one in values))
    function, kappa = ELEMENTWISE[name]
    if whole and any(map(is_noisy, values)):
        return computed(model, function, 0, *values)
    return computed(model, function, kappa, *values)


def _with_nan_last(model: NoiseModel, value: Value) -> Value:
    return moved(model, lambda s: np.where(s != s, np.inf, s), value)


def integer_pow(model: NoiseModel, x: Value, y: int) -> Value:
    """Multiply a few times."""
    return computed(model, lambda one: one ** float(y), 1 if abs(y) == 2 else 2, x)
