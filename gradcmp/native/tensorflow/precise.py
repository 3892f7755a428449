"""Float64 all the way: casts to a lower dtype are left out, and counted.

`tf.cast(x, tf.float32)` inside of a function throws digits away, whatever it is called with. Each
eager operation comes by: a cast down hands its operand on, and what makes numbers of a lower dtype
(`tf.range`, a mask that is cast, a variable that is read) hands them on in float64.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradcmp.native.tensorflow.stream import (
    NARROW,
    WIDE,
    Operation,
    Tensor,
    Tensors,
    is_narrow,
    is_wide,
)

READS = frozenset(("ReadVariableOp", "ResourceGather", "ResourceGatherNd"))


class Precise:
    """Keeps the digits of float64; what is drawn at random is what the tested dtype would draw.

    Attributes
    ----------
    draws : dtype
        In which random numbers are drawn: other dtypes draw other ones from the same seed.
    dropped : int
        Casts that were left out.
    random : bool
        Whether random numbers were drawn.
    """

    def __init__(self, draws: Any = tf.float32) -> None:
        self.draws = tf.as_dtype(draws)
        self.dropped = 0
        self.random = False

    def compute(self, operation: Operation) -> Tensors:
        """Run one operation, in float64 where it asks for less."""
        if _narrows(operation):
            self.dropped += 1
            return [tf.identity(operation.inputs[0])]
        if is_random(operation.name):
            return self._drawn(operation)
        if any(map(is_narrow, operation.inputs)) or operation.name in READS:
            return [self.constant(one, operation) for one in operation.run()]
        return [self.widened(one, operation) for one in self.apply(operation)]

    def keep(self, tensor: Tensor) -> Tensor:
        """Return a tensor that a lower dtype is asked of as it is."""
        self.dropped += 1
        return tensor

    def apply(self, operation: Operation) -> Tensors:
        """Run one operation that draws nothing and casts nothing down."""
        return operation.run()

    def constant(self, tensor: Tensor, operation: Operation) -> Tensor:
        """Return what was made of numbers that are held in a lower dtype."""
        return self.widened(tensor, operation)

    def widened(self, tensor: Tensor, operation: Operation) -> Tensor:
        """Return a tensor of a lower dtype in float64."""
        return operation.cast(tensor, WIDE) if is_narrow(tensor) else tensor

    def _drawn(self, operation: Operation) -> Tensors:
        self.random = True
        kinds = [k for k in operation.kinds if operation.attributes.get(k) == WIDE.as_datatype_enum]
        if "dtype" in kinds:
            operation = operation.told(dtype=self.draws.as_datatype_enum)
        return [self.widened(one, operation) for one in operation.run()]


def _narrows(operation: Operation) -> bool:
    return (
        operation.name == "Cast"
        and is_wide(operation.inputs[0])
        and tf.as_dtype(operation.attributes["DstT"]) in NARROW
    )


def is_random(name: str) -> bool:
    """Whether an operation draws random numbers."""
    return "Random" in name or name in ("TruncatedNormal", "ParameterizedTruncatedNormal")
