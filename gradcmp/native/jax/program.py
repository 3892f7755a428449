"""A user's function of JAX: called by name, differentiated, traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import jax
import numpy as np

from gradcmp.errors import InputError
from gradcmp.native.arranging.arranged import Arranged
from gradcmp.native.calling import named_outputs
from gradcmp.native.cotangents import Cotangents, upstream_of
from gradcmp.native.jax.taps import Tensors, Traced, home, is_real, tapped
from gradcmp.native.outcome import Array
from gradcmp.native.taps import AS_THEY_COME, Counted, Held, recording
from gradcmp.recording import numpy_dtype

# What ``if x.sum() > 0`` raises, int(x) and numpy.asarray(x), where a function is traced.
NUMBERS_ASKED = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.TracerArrayConversionError,
)

Call: TypeAlias = Callable[..., tuple[Tensors, Tensors, Tensors]]


@dataclass(frozen=True)
class Program:
    """A function at inputs of known shapes.

    Attributes
    ----------
    wrt : tuple of str
        What it is differentiated with respect to.
    held : Held
        The taps that hand on what lies among the inputs.
    """

    function: Arranged
    wrt: tuple[str, ...]
    cotangents: Cotangents = field(repr=False)
    held: Held = AS_THEY_COME
    _known: dict[Any, Traced] = field(default_factory=dict, repr=False, compare=False)

    def arrays(self, inputs: Mapping[str, Array], dtype: str) -> Tensors:
        """Return the inputs as JAX has them, real ones in a dtype."""
        kind = numpy_dtype(dtype)
        return {
            name: jax.numpy.asarray(array.astype(kind) if array.dtype.kind == "f" else array)
            for name, array in inputs.items()
        }

    def both(self, arrays: Tensors) -> dict[str, Tensors]:
        """Compute outputs, taps and their gradients, and those of the inputs; JAX can trace it."""
        real = {name: arrays[name] for name in self.wrt}
        others = {name: one for name, one in arrays.items() if name not in real}
        met = self.traced(arrays)
        values = met.shapes if met else self._call(arrays, None)[1]
        shapes = {name: one for name, one in values.items() if is_real(one)}
        slots = {name: jax.numpy.zeros(one.shape, one.dtype) for name, one in shapes.items()}
        slots |= self.held.values(others)
        call: Call = self._call
        if met and met.bypassed:
            call = self._traced(arrays, slots).rerouted

        def forward(real: Tensors, slots: Tensors) -> tuple[Any, tuple[Tensors, Tensors]]:
            outputs, values, handed = call({**real, **others}, slots)
            taps = {
                name: values[name] if name in self.held.slopes else handed[name] for name in handed
            }
            smooth = {name: one for name, one in outputs.items() if is_real(one)}
            return (smooth, self.held.values(taps)), (outputs, taps)

        (smooth, ends), pullback, (outputs, taps) = jax.vjp(forward, real, slots, has_aux=True)
        upstream = {name: self._upstream(name, one) for name, one in smooth.items()}
        handed = {n: _as(self.held.slopes[n], one.dtype) for n, one in ends.items()}
        gradients, slopes = pullback((upstream, handed))
        slopes = {name: one for name, one in slopes.items() if name in taps}
        return {"outputs": outputs, "gradients": gradients, "taps": taps, "slopes": slopes}

    def traced(self, arrays: Tensors) -> Traced | None:
        """Return it as it is traced at inputs of such shapes; None of Python that asks for numbers.

        Of that a tap has the gradient that arrives at what it returns, by no other way.
        """
        try:
            return self._traced(arrays, None)
        except NUMBERS_ASKED:
            return None

    def _traced(self, arrays: Tensors, slots: Tensors | None) -> Traced:
        given = jax.tree.map(
            lambda one: jax.ShapeDtypeStruct(one.shape, one.dtype), (arrays, slots)
        )
        key = (str(given), jax.config.jax_enable_x64)
        if key not in self._known:
            self._known[key] = Traced.of(self._call, *given)
        return self._known[key]

    @cached_property
    def jitted(self) -> Callable[[Tensors], dict[str, Tensors]]:
        """The same, compiled as a whole by XLA: once for all inputs of the same shapes."""
        compiled: Callable[[Tensors], dict[str, Tensors]] = jax.jit(self.both)
        return compiled

    def _call(self, arrays: Tensors, slots: Tensors | None) -> tuple[Tensors, Tensors, Tensors]:
        """Return outputs, and by tap what came to it and what it has returned."""
        names, given = Counted(self.function.arrangement.taps), self.held.given(arrays)
        values: Tensors = {}
        handed: Tensors = {}
        here = home()

        def note(name: str, value: Any) -> Any:
            if not hasattr(value, "dtype") or home() != here:
                return value
            name = names(name)
            values[name] = value
            handed[name] = self._handed(name, value, slots)
            return handed[name]

        with recording(note):
            outputs = named_outputs(self.function.function, self.function(**given))
        return outputs, values, handed

    def _handed(self, name: str, value: Any, slots: Tensors | None) -> Any:
        if not is_real(value):
            return value
        if slots is None:
            return tapped(value, jax.numpy.zeros(value.shape, value.dtype))
        if name in self.held.slopes:
            return slots[name].astype(value.dtype)
        return tapped(value, slots[name])

    def _upstream(self, name: str, output: Any) -> Any:
        given = upstream_of(self.cotangents, name, tuple(output.shape))
        if given is None:
            raise InputError(f"output '{name}' of shape {output.shape} has no cotangent")
        return _as(given, output.dtype)


def _as(array: Any, dtype: Any) -> Any:
    return jax.numpy.asarray(np.asarray(array).astype(dtype))


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Compute as a user of that dtype does: 64 bits for float64 alone."""
    with jax.enable_x64(dtype == "float64"):
        yield
