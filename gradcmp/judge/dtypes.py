"""What the rounding of each dtype is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradcmp.case import DType


@dataclass(frozen=True)
class Precision:
    """What the rounding of a dtype is made of.

    Attributes
    ----------
    u : float
        Unit roundoff: half the distance from 1 to the next number.
    u_sum : float
        Unit roundoff of the accumulator of a sum or a matrix product.
    eta : float
        The smallest step near zero; frameworks may flush anything below it.
    largest : float
        The largest finite number.
    """

    u: float
    u_sum: float
    eta: float
    largest: float


PRECISIONS: Mapping[DType, Precision] = {
    "float64": Precision(2.0**-53, 2.0**-53, 2.0**-1022, float(np.finfo(np.float64).max)),
    "float32": Precision(2.0**-24, 2.0**-24, 2.0**-126, float(np.finfo(np.float32).max)),
    "float16": Precision(2.0**-11, 2.0**-24, 2.0**-25, 65504.0),
    "bfloat16": Precision(2.0**-8, 2.0**-24, 2.0**-126, 3.3895313892515355e38),
}
# That numbers are stored in while float32 computes: they have the model of half.py. float16 keeps
# the other, since TensorFlow's is rougher (docs/design/half_precision.md).
HALVES: tuple[DType, ...] = ("bfloat16",)
