"""Ways to compare, and numbers in any dtype."""

from __future__ import annotations

import math

import numpy as np

from gradcmp.judge.elementwise.schedule import Schedule
from gradcmp.recording import Array, numpy_dtype

SCHEDULES = {
    "segments": Schedule(longest=math.inf),
    "chunks": Schedule(longest=0, worthwhile=math.inf, chunk=128),
    "compiled": Schedule(longest=0, worthwhile=0, compiled_chunk=32, share=64, threads=3),
}


def cast(x: Array, dtype: str) -> Array:
    with np.errstate(all="ignore"):
        return x.astype(numpy_dtype(dtype))
