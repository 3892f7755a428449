"""One run of a user's function: leaves made, called, differentiated, written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from gradcmp.dtypes import DType
from gradcmp.dtypes.arrays import BFLOAT16, numpy_dtype
from gradcmp.errors import BackendError, InputError
from gradcmp.native.calling import named_outputs
from gradcmp.native.cotangents import Cotangents, upstream_of
from gradcmp.native.outcome import Array, Outcome, Tap
from gradcmp.native.taps import AS_THEY_COME, Held, recording
from gradcmp.native.tensorflow.stream import Tensor
from gradcmp.native.tensorflow.subject import Subject
from gradcmp.native.tensorflow.watching import Watcher, layers

Enter: TypeAlias = Callable[[Array], Array]
Named: TypeAlias = dict[str, Any]


def unchanged(array: Array) -> Array:
    """Return it as it is."""
    return array


def as_it_is(function: Any) -> Any:
    """Return it as it is."""
    return function


@dataclass(frozen=True)
class Way:
    """How a function is run.

    Attributes
    ----------
    dtype : str
        Of its real inputs and parameters.
    held : str
        The dtype under test, which running statistics are rounded to.
    around : context manager
        What the run happens in: who sees each operation, forward and backward.
    enter : callable
        What each real input and parameter is before the run.
    calls : callable
        What the function is called through: a compiler reads it another way.
    watched : bool
        Whether taps and layers are taken note of.
    """

    dtype: DType
    held: DType
    around: AbstractContextManager[Any] = field(default_factory=nullcontext)
    enter: Enter = unchanged
    calls: Callable[[Any], Any] = as_it_is
    watched: bool = True


@dataclass(frozen=True)
class Call:
    """What is run: a subject at given inputs, with given cotangents.

    Attributes
    ----------
    held : Held
        The taps that hand on what lies among the inputs.
    """

    subject: Subject
    inputs: Mapping[str, Array]
    wrt: tuple[str, ...]
    cotangents: Cotangents
    device: str
    seed: int = 0
    held: Held = AS_THEY_COME

    def run(self, way: Way) -> Outcome:
        """Run it once, forward and backward."""
        with tf.device(self.place):
            leaves = self.leaves(way)
            tf.random.set_seed(self.seed)
            with way.around:
                found = self.both(leaves, way)
        return self.written(leaves, found)

    @property
    def place(self) -> str:
        """The device, as TensorFlow calls it."""
        return self.device.replace("cuda", "gpu")

    def leaves(self, way: Way) -> Named:
        """Return the tensors that gradients are taken of, and all other inputs."""
        arrays = {**self.subject.arrays(), **self.inputs}
        return {
            name: tf.constant(way.enter(array.astype(np.float64)).astype(numpy_dtype(way.dtype)))
            if is_real(array)
            else tf.constant(array)
            for name, array in arrays.items()
        }

    def both(self, leaves: Named, way: Way, upstream: Named | None = None) -> dict[str, Named]:
        """Compute outputs and taps, and the gradients of all that is real.

        Parameters
        ----------
        upstream : dict of str to tensor, optional
            The cotangents, where they are known before the outputs are.
        """
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            for name in (*self.wrt, *self.held.slopes):
                tape.watch(leaves[name])
            instead = self.held.values(leaves)
            watcher = Watcher(tape, self.subject.arrangement.taps, instead)
            outputs = self.forward(leaves, way, watcher if way.watched else None)
        smooth = {n: tf.convert_to_tensor(o) for n, o in outputs.items() if o.dtype.is_floating}
        upstream = self.upstream(smooth) if upstream is None else upstream
        sources = {**{name: leaves[name] for name in self.wrt}, **_apart(watcher.sources)}
        sources |= _apart(watcher.roots, _ROOT)
        roots = {**smooth, **_apart(watcher.roots)}
        upstream = {**upstream, **_apart(self._slopes(watcher.roots))}
        gradients = tape.gradient(roots, sources, upstream) if roots else {}
        dense = {n: None if g is None else tf.convert_to_tensor(g) for n, g in gradients.items()}
        return {"outputs": outputs, "taps": watcher.values, "gradients": dense}

    def forward(self, leaves: Named, way: Way, watcher: Any = None) -> Named:
        """Compute the outputs, by name.

        Parameters
        ----------
        watcher : object, optional
            Who takes note of taps and layers.
        """
        subject = self.subject
        own, given = subject.arranged(self.held.given(leaves))
        with ExitStack() as stack:
            stack.enter_context(subject.holding(way.dtype, own, way.held))
            stack.enter_context(recording(watcher.note if watcher else None))
            if watcher:
                around = subject.around_all
                stack.enter_context(layers(watcher.note, subject.itself, around))
            result = subject.call(given, way.calls)
        outputs = named_outputs(subject.function, result)
        for name, one in outputs.items():
            if one.dtype.is_complex:
                raise BackendError(
                    f"'{name}' is made of complex numbers",
                    way_out="Return their real and imaginary parts",
                )
        return outputs

    def _slopes(self, taps: Named) -> Named:
        """Return the gradient that goes on from each tap that hands on what it is given."""
        given = self.held.slopes
        return {n: tf.constant(given[n].astype(t.dtype.as_numpy_dtype)) for n, t in taps.items()}

    def upstream(self, outputs: Named) -> Named:
        """Return the cotangent of each output that has a gradient."""
        smooth = {name: one for name, one in outputs.items() if one.dtype.is_floating}
        return {name: self._upstream(name, one) for name, one in smooth.items()}

    def _upstream(self, name: str, output: Tensor) -> Tensor:
        given = upstream_of(self.cotangents, name, tuple(output.shape))
        if given is None:
            raise InputError(f"output '{name}' of shape {output.shape} has no cotangent")
        array = np.asarray(given)
        if array.shape != tuple(output.shape):
            raise InputError(
                f"the cotangent of output '{name}' has shape {array.shape}, and the output "
                f"{tuple(output.shape)}"
            )
        return tf.constant(array.astype(output.dtype.as_numpy_dtype))

    def written(self, leaves: Named, found: Mapping[str, Named]) -> Outcome:
        """Bring everything to NumPy."""
        gradients = found["gradients"]
        taps = {name: _array(one) for name, one in found["taps"].items()}
        outputs = {name: _array(one) for name, one in found["outputs"].items()}
        own = {name: _slope(gradients.get(name), leaves[name]) for name in self.wrt}
        slopes = {name: _slope(gradients.get(_SLOPE + name), found["taps"][name]) for name in taps}
        unused = {name for name in self.wrt if gradients.get(name) is None}
        silent = {name for name in taps if gradients.get(_SLOPE + name) is None}
        arrived = {name: gradients.get(_ROOT + name) for name in self.held.slopes}
        named = {**outputs, **taps, **{f"d {name}": one for name, one in own.items()}}
        return Outcome(
            outputs,
            own,
            {name: Tap(value, slopes[name]) for name, value in taps.items()},
            {name: one.dtype.name for name, one in named.items()},
            unused=frozenset(unused | silent),
            bypassed=frozenset(
                name
                for name, one in arrived.items()
                if one is not None and not _is(one, self.held.slopes[name])
            ),
        )


_SLOPE = "tap "  # before a tap's name: an input may have the same
_ROOT = "root "  # before that of what came to a tap which hands on something else


def _apart(taps: Named, what: str = _SLOPE) -> Named:
    return {what + name: one for name, one in taps.items()}


def _is(gradient: Tensor, slope: Array) -> bool:
    """Whether nothing but the gradient that begins at a tap has arrived there."""
    array = _array(gradient)
    return np.array_equal(array, slope.astype(array.dtype), equal_nan=True)


def is_real(array: Array) -> bool:
    """Whether an array has a derivative."""
    return array.dtype.kind == "f" or array.dtype == BFLOAT16


def _slope(gradient: Tensor | None, of: Tensor) -> Array:
    return np.zeros_like(_array(of)) if gradient is None else _array(gradient)


def _array(tensor: Tensor) -> Array:
    array: Array = tf.convert_to_tensor(tensor).numpy()
    return array
