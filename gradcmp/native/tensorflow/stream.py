"""TensorFlow's stream of eager operations: each is handed to somebody who says what it gives.

A generated operation runs on a fast path and falls back to `execute.execute` where that refuses.
For the time of a run it refuses everything, so that all operations come by: those of the function,
of Keras' layers and of gradient functions under the tape, which records what is returned here. What
a traced function computes inside is not seen.

Four names of TensorFlow's own are replaced for it, which generated code has used for years. Were
they gone, nothing would come by: `works` finds that out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Protocol, TypeAlias

import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import core, execute, record
from tensorflow.python.framework import op_def_registry, tensor_conversion_registry

Tensor: TypeAlias = Any
Tensors: TypeAlias = list[Any]
NARROW = frozenset((tf.float32, tf.float16, tf.bfloat16))
WIDE = tf.float64
EAGER = type(tf.constant(0.0))


@dataclass(frozen=True)
class Operation:
    """One eager operation, not yet run.

    Attributes
    ----------
    name : str
        ``MatMul``.
    count : int
        Of its outputs.
    inputs : list of tensor
    attrs : tuple
        Names and values, in turn.
    context : object
        TensorFlow's own.
    """

    name: str
    count: int
    inputs: Tensors
    attrs: tuple[Any, ...]
    context: Any

    def run(self, inputs: Tensors | None = None) -> Tensors:
        """Run it, unseen and off the tape; on other inputs where some are given."""
        given = self.inputs if inputs is None else inputs
        found: Tensors = execute.quick_execute(
            self.name, self.count, given, self.attrs, self.context
        )
        return found or []

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """What it is told besides its inputs."""
        return dict(zip(self.attrs[::2], self.attrs[1::2], strict=True))

    def told(self, **attributes: Any) -> Operation:
        """Return it with other attributes."""
        known = {**self.attributes, **attributes}
        return replace(self, attrs=tuple(one for pair in known.items() for one in pair))

    @property
    def is_stateful(self) -> bool:
        """Whether it may not be run twice: it draws, reads a variable or is somebody's function."""
        known = op_def_registry.get(self.name)
        return known is None or bool(known.is_stateful)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the attributes that are a dtype."""
        known = op_def_registry.get(self.name)
        return tuple(one.name for one in known.attr if one.type == "type") if known else ()

    def cast(self, tensor: Tensor, dtype: Any) -> Tensor:
        """Return a tensor in another dtype, unseen and off the tape."""
        attrs = ("SrcT", _number(tensor.dtype), "DstT", _number(dtype), "Truncate", False)
        return Operation("Cast", 1, [tensor], attrs, self.context).run()[0]


def _number(dtype: Any) -> int:
    number: int = tf.as_dtype(dtype).as_datatype_enum
    return number


class Hook(Protocol):
    """Who sees the operations of a run."""

    def compute(self, operation: Operation) -> Tensors:
        """Return what an operation gives."""

    def keep(self, tensor: Tensor) -> Tensor:
        """Return a tensor of float64 that a lower dtype is asked of."""


@contextmanager
def seen(hook: Hook) -> Iterator[None]:
    """Hand each eager operation to `hook`; what has few digits and meets float64 is cast."""
    match, convert = execute.args_to_matching_eager, tensor_conversion_registry.convert

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise core._FallbackException("each operation is looked at")

    def run(  # called by these names, too: a function that TensorFlow has traced is
        op_name: Any, num_outputs: int, inputs: Any, attrs: Any, ctx: Any, name: Any = None
    ) -> Any:
        text = op_name.decode() if isinstance(op_name, bytes) else op_name
        return hook.compute(Operation(text, num_outputs, [*inputs], tuple(attrs or ()), ctx))

    def matched(values: Any, *args: Any, **kwargs: Any) -> Any:
        if any(map(is_wide, values)):
            values = [tf.cast(one, WIDE) if is_narrow(one) else one for one in values]
        return match(values, *args, **kwargs)

    def converted(value: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        wanted = None if dtype is None else tf.as_dtype(dtype)
        if wanted in NARROW and is_wide(value):
            return hook.keep(value)
        if wanted == WIDE and is_narrow(value):
            return tf.cast(value, WIDE)
        return convert(value, dtype, *args, **kwargs)

    ours = (
        (pywrap_tfe, "TFE_Py_FastPathExecute", refuse),
        (execute, "execute", run),
        (execute, "args_to_matching_eager", matched),
        (tensor_conversion_registry, "convert", converted),
    )
    with ExitStack() as stack:
        for home, name, one in ours:
            stack.callback(setattr, home, name, getattr(home, name))
            setattr(home, name, one)
        yield


def unrecorded() -> AbstractContextManager[None]:
    """Return a context in which the tape sees no operation: they stand for one that it does."""
    context: AbstractContextManager[None] = record.stop_recording()
    return context


def is_wide(value: Any) -> bool:
    """Whether it is an eager tensor of float64."""
    return isinstance(value, EAGER) and value.dtype == WIDE


def is_narrow(value: Any) -> bool:
    """Whether it is an eager tensor of a lower dtype."""
    return isinstance(value, EAGER) and value.dtype in NARROW


class _Counting:
    def __init__(self) -> None:
        self.met: list[str] = []

    def compute(self, operation: Operation) -> Tensors:
        self.met.append(operation.name)
        return operation.run()

    def keep(self, tensor: Tensor) -> Tensor:
        return tensor


@cache
def works() -> bool:
    """Whether this version of TensorFlow hands its operations over, forward and backward."""
    counting, x = _Counting(), tf.constant(2.0, WIDE)
    with seen(counting), tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.exp(x)
    forward = "Exp" in counting.met
    with seen(counting):
        tape.gradient(y, x)
    return forward and "Mul" in counting.met
