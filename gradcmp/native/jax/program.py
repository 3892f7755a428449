"""A user's function of JAX: called by name, differentiated, traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import numpy as np

from gradcmp.errors import InputError
from gradcmp.native.arranging.arranged import Arranged
from gradcmp.native.calling import named_outputs
from gradcmp.native.cotangents import Cotangents, upstream_of
from gradcmp.native.outcome import Array
from gradcmp.native.taps import AS_THEY_COME, Counted, Held, recording
from gradcmp.recording import numpy_dtype

Tensors = dict[str, Any]
# What ``if x.sum() > 0`` raises, int(x) and numpy.asarray(x), where a function is traced.
NUMBERS_ASKED = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.TracerArrayConversionError,
)


@jax.custom_vjp  # type: ignore[untyped-decorator]
def _tapped(x: Any, slot: Any) -> Any:
    return x


_tapped.defvjp(lambda x, slot: (x, None), lambda _, dx: (dx, dx))


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
        slots = {
            name: jax.numpy.zeros(one.shape, one.dtype) for name, one in self._slots(arrays).items()
        }
        slots |= self.held.values(others)

        def forward(real: Tensors, slots: Tensors) -> tuple[Any, tuple[Tensors, Tensors]]:
            taps: Tensors = {}
            outputs = self._call({**real, **others}, taps, slots)
            smooth = {name: one for name, one in outputs.items() if _is_real(one)}
            return (smooth, self.held.values(taps)), (outputs, taps)

        (smooth, ends), pullback, (outputs, taps) = jax.vjp(forward, real, slots, has_aux=True)
        upstream = {name: self._upstream(name, one) for name, one in smooth.items()}
        handed = {n: _as(self.held.slopes[n], one.dtype) for n, one in ends.items()}
        gradients, slopes = pullback((upstream, handed))
        slopes = {name: one for name, one in slopes.items() if name in taps}
        return {"outputs": outputs, "gradients": gradients, "taps": taps, "slopes": slopes}

    @cached_property
    def jitted(self) -> Callable[[Tensors], dict[str, Tensors]]:
        """The same, compiled as a whole by XLA: once for all inputs of the same shapes."""
        compiled: Callable[[Tensors], dict[str, Tensors]] = jax.jit(self.both)
        return compiled

    def _slots(self, arrays: Tensors) -> Tensors:
        """Return shape and dtype of each real tap; Python that asks for numbers is given them."""
        found: Tensors = {}
        try:
            jax.eval_shape(lambda given: self._call(given, found, None), arrays)
        except NUMBERS_ASKED:
            found.clear()
            self._call(arrays, found, None)
        return {name: one for name, one in found.items() if _is_real(one)}

    def _call(self, arrays: Tensors, taps: Tensors, slots: Tensors | None) -> Tensors:
        names, given = Counted(self.function.arrangement.taps), self.held.given(arrays)

        def note(name: str, value: Any) -> Any:
            name = names(name)
            if slots is None:
                taps[name] = jax.ShapeDtypeStruct(value.shape, value.dtype)
                return value
            if name in self.held.slopes:
                taps[name] = value
                return slots[name].astype(value.dtype)
            value = _tapped(value, slots[name]) if name in slots else value
            taps[name] = value
            return value

        with recording(note):
            return named_outputs(self.function.function, self.function(**given))

    def _upstream(self, name: str, output: Any) -> Any:
        given = upstream_of(self.cotangents, name, tuple(output.shape))
        if given is None:
            raise InputError(f"output '{name}' of shape {output.shape} has no cotangent")
        return _as(given, output.dtype)


def _as(array: Any, dtype: Any) -> Any:
    return jax.numpy.asarray(np.asarray(array).astype(dtype))


def _is_real(one: Any) -> bool:
    return bool(jax.numpy.issubdtype(one.dtype, jax.numpy.floating))


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Compute as a user of that dtype does: 64 bits for float64 alone."""
    with jax.enable_x64(dtype == "float64"):
        yield
