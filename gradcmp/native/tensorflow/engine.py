"""A user's function of TensorFlow: run as it is, and in float64 with its casts left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from gradcmp.case import DType
from gradcmp.errors import InputError
from gradcmp.native.arranging.arranged import Arranged
from gradcmp.native.arranging.arrangement import AS_IT_IS, Arrangement
from gradcmp.native.calling import named_outputs
from gradcmp.native.cotangents import Cotangents, upstream_of
from gradcmp.native.outcome import Array, Outcome, Tap
from gradcmp.native.side import Unseen
from gradcmp.native.taps import Counted, recording
from gradcmp.native.tensorflow.casts import Casts, kept_wide
from gradcmp.recording import numpy_dtype


def prepare(
    function: Callable[..., Any],
    inputs: Mapping[str, Array],
    *,
    wrt: Sequence[str] | None = None,
    cotangents: Cotangents | None = None,
    device: str = "cpu",
    seed: int = 0,
    arrangement: Arrangement | None = None,
    mode: str = "eager",
) -> TensorFlowSide:
    """Return a function at given inputs, ready to be run in any way.

    It takes tensors by name and returns one, a tuple or a dict of them; `tf.function` and
    `tf.custom_gradient` are as good as any.

    Raises
    ------
    InputError
        When it takes no input of such a name.
    """
    call = Arranged(function, arrangement or AS_IT_IS)
    call.require(inputs)
    real = tuple(name for name, array in inputs.items() if array.dtype.kind == "f")
    names = real if wrt is None else tuple(wrt)
    return TensorFlowSide(call, dict(inputs), names, cotangents or {}, device, seed, mode)


@dataclass(frozen=True)
class TensorFlowSide(Unseen):
    """A function of TensorFlow at given inputs."""

    call: Arranged
    inputs: Mapping[str, Array]
    wrt: tuple[str, ...]
    cotangents: Cotangents
    device: str = "cpu"
    seed: int = 0
    mode: str = "eager"

    framework: ClassVar[str] = "tensorflow"
    autocast: ClassVar[None] = None

    @property
    def parameters(self) -> dict[str, Array]:
        """Nothing: all is given."""
        return {}

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """The names that it can be called by."""
        return self.call.arguments

    @property
    def environment(self) -> dict[str, str]:
        """TensorFlow's version and device."""
        return {"tensorflow": tf.__version__, "device": self.device}

    def plain(self, dtype: DType) -> Outcome:
        """Run it in a dtype, as the user does."""
        return self._run(dtype)

    def clean(self, dtype: DType = "float32") -> Outcome:
        """Run it in float64, casts to a lower dtype left out."""
        return self._run("float64", kept_wide())

    def at(self, inputs: Mapping[str, Array]) -> TensorFlowSide:
        """Return it at other inputs."""
        return replace(self, inputs={name: inputs[name] for name in self.inputs})

    def in_mode(self, mode: str) -> TensorFlowSide:
        """Return it in another mode."""
        return replace(self, mode=mode)

    def _run(
        self, dtype: DType, around: AbstractContextManager[Casts | None] | None = None
    ) -> Outcome:
        place, kind = self.device.replace("cuda", "gpu"), numpy_dtype(dtype)
        tf.random.set_seed(self.seed)
        with tf.device(place), around or nullcontext() as casts:
            leaves = {
                name: tf.constant(array.astype(kind) if array.dtype.kind == "f" else array)
                for name, array in self.inputs.items()
            }
            taps: dict[str, Any] = {}
            with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
                for name in self.wrt:
                    tape.watch(leaves[name])
                with recording(_noting(tape, taps, self.call.arrangement.taps)):
                    result = self.call(**leaves)
                outputs = named_outputs(self.call.function, result)
                smooth = {n: one for n, one in outputs.items() if one.dtype.is_floating}
                upstream = {name: self._upstream(name, one) for name, one in smooth.items()}
            real = {name: one for name, one in taps.items() if one.dtype.is_floating}
            sources = {**{name: leaves[name] for name in self.wrt}, **real}
            found = tape.gradient(smooth, sources, upstream)
        return self._outcome(outputs, taps, found, sources, casts)

    def _outcome(
        self,
        outputs: Mapping[str, Any],
        taps: Mapping[str, Any],
        found: Mapping[str, Any],
        sources: Mapping[str, Any],
        casts: Casts | None,
    ) -> Outcome:
        slopes = {
            name: _array(one) if one is not None else np.zeros_like(_array(sources[name]))
            for name, one in found.items()
        }
        unused = frozenset(name for name, one in found.items() if one is None)
        values = {name: _array(one) for name, one in taps.items()}
        return Outcome(
            {name: _array(one) for name, one in outputs.items()},
            {name: slopes[name] for name in self.wrt},
            {n: Tap(a, slopes.get(n, np.zeros(a.shape))) for n, a in values.items()},
            unused=unused,
            dropped_casts=casts.dropped if casts else 0,
        )

    def _upstream(self, name: str, output: Any) -> Any:
        given = upstream_of(self.cotangents, name, tuple(output.shape))
        if given is None:
            raise InputError(f"output '{name}' of shape {output.shape} has no cotangent")
        return tf.constant(np.asarray(given).astype(output.dtype.as_numpy_dtype))


def _noting(
    tape: Any, taps: dict[str, Any], called: Mapping[str, str]
) -> Callable[[str, Any], Any]:
    """Return what takes note of a tap: a tensor of its own, whose gradient is asked for."""
    names = Counted(called)

    def note(name: str, value: Any) -> Any:
        alias = tf.identity(value)
        if alias.dtype.is_floating:
            tape.watch(alias)
        taps[names(name)] = alias
        return alias

    return note


def _array(tensor: Any) -> Array:
    array: Array = tf.convert_to_tensor(tensor).numpy()
    return array
