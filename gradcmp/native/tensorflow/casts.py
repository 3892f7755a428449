"""Casts to a lower dtype, left out of TensorFlow's stream of operations.

Every generated operation falls back to `execute.execute` where its fast path refuses; for the time
of a run it does, and a cast down from float64 hands its operand on. Two names of TensorFlow's own
are replaced for it, which generated code has used for years. Were they gone, casts would stay in,
and a difference that they make would be a note.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import core, execute

NARROW = (tf.float32, tf.float16, tf.bfloat16)


@dataclass
class Casts:
    """How many casts were left out."""

    dropped: int = 0


@contextmanager
def kept_wide() -> Iterator[Casts]:
    """Leave casts from float64 to a lower dtype out."""
    found = Casts()
    fast, slow = pywrap_tfe.TFE_Py_FastPathExecute, execute.execute

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise core._FallbackException("each operation is looked at")

    def run(op: Any, count: int, inputs: Any, attrs: Any, ctx: Any, name: Any = None) -> Any:
        if op in ("Cast", b"Cast") and inputs[0].dtype == tf.float64:
            wanted = dict(zip(attrs[::2], attrs[1::2], strict=True))["DstT"]
            if tf.as_dtype(wanted) in NARROW:
                found.dropped += 1
                return execute.quick_execute(b"Identity", 1, inputs, ("T", attrs[1]), ctx, name)
        return execute.quick_execute(op, count, inputs, attrs, ctx, name)

    pywrap_tfe.TFE_Py_FastPathExecute, execute.execute = refuse, run
    try:
        yield found
    finally:
        pywrap_tfe.TFE_Py_FastPathExecute, execute.execute = fast, slow
