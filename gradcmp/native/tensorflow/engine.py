"""A user's function of TensorFlow: run as it is, in float64 without casts, and under noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from gradcmp.dtypes import DType
from gradcmp.errors import InputError, did_you_mean
from gradcmp.native.arranging.arranged import arguments_of
from gradcmp.native.arranging.arrangement import AS_IT_IS, Arrangement
from gradcmp.native.calling import described
from gradcmp.native.cotangents import Cotangents, silenced
from gradcmp.native.outcome import Array, Outcome, around, differing
from gradcmp.native.side import attempted
from gradcmp.native.taps import AS_THEY_COME, Held
from gradcmp.native.tensorflow.compiled import Compiled
from gradcmp.native.tensorflow.precise import Precise
from gradcmp.native.tensorflow.replicas import Noisy
from gradcmp.native.tensorflow.run import Call, Enter, Way, is_real, unchanged
from gradcmp.native.tensorflow.shaken import Shaken
from gradcmp.native.tensorflow.stream import seen, works
from gradcmp.native.tensorflow.subject import Subject, subject_of


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

    Parameters
    ----------
    function : callable
        A function, a `tf.function`, a `tf.custom_gradient`, a layer or a model of Keras, a method
        of one or a function that calls some. It takes tensors by name and returns one, a tuple or a
        dict of them.
    inputs : mapping of str to array
        By name; those of a layer's trainable variables replace the values that they have.
    wrt : sequence of str, optional
        What to differentiate with respect to: every real input and variable unless it is given.
    cotangents : mapping of str to array, or callable, optional
        Of each output that is not a scalar; a scalar has 1 unless it is given here.
    seed : int
        What all random numbers of the function are drawn from, before each run anew.
    mode : {"eager", "graph", "xla"}
        How it is run: as it is, traced by `tf.function`, or compiled by XLA as well.

    Raises
    ------
    InputError
        When it takes no input of such a name, or one has no derivative.
    """
    subject = subject_of(function, inputs, arrangement or AS_IT_IS)
    subject.require({name for name in inputs if name not in subject.parameters})
    known = {**subject.arrays(), **inputs}
    differentiable = [name for name in (*inputs, *subject.parameters) if is_real(known[name])]
    for name in wrt or ():
        if name not in known:
            way_out = did_you_mean(name, known)
            raise InputError(f"{described(function)} has no input '{name}'", way_out=way_out)
        if name not in differentiable:
            raise InputError(f"input '{name}' has no derivative: its numbers are not real")
    names = tuple(dict.fromkeys(differentiable)) if wrt is None else tuple(wrt)
    return TensorFlowSide(subject, dict(inputs), names, cotangents or {}, device, seed, mode)


@dataclass(frozen=True)
class TensorFlowSide:
    """A function of TensorFlow at given inputs."""

    subject: Subject
    inputs: Mapping[str, Array]
    wrt: tuple[str, ...]
    cotangents: Cotangents = field(default_factory=dict)
    device: str = "cpu"
    seed: int = 0
    mode: str = "eager"
    _programs: dict[str, Compiled] = field(default_factory=dict, repr=False)
    held: Held = AS_THEY_COME

    framework: ClassVar[str] = "tensorflow"
    autocast: ClassVar[None] = None

    @property
    def parameters(self) -> dict[str, Array]:
        """The trainable variables of its layers, as they are."""
        return self.subject.arrays()

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """The names that it can be called by."""
        return arguments_of(self.subject.function)

    @property
    def environment(self) -> dict[str, str]:
        """TensorFlow's version and device, and that of Keras where it is used."""
        found = {"tensorflow": tf.__version__, "device": self.device}
        if self.subject.layers:
            import keras

            found["keras"] = keras.__version__
        return found

    def plain(self, dtype: DType) -> Outcome:
        """Run it in a dtype, as the user does."""
        if self.mode != "eager":
            return self._compiled.run(self.call, Way(dtype, dtype))
        return replace(self.call.run(Way(dtype, dtype)), facts={"mode": self.mode})

    def clean(self, dtype: DType = "float32") -> Outcome:
        """Run it in float64, casts to a lower dtype left out.

        What refuses float64 once it is compiled, as a number of float32 beside it does, is run
        operation by operation instead.

        Parameters
        ----------
        dtype : str
            In which the run that this one stands for draws its random numbers.
        """
        if self.mode != "eager":
            compiled = partial(self._compiled.run, self.call, Way("float64", dtype), clean=True)
            if found := attempted(compiled, None):
                return found
        return replace(self.in_float64(Precise(dtype), dtype), facts={"mode": self.mode})

    def noisy(self, dtype: DType, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Run it `replicas` times in float64, with a rounding error after each operation.

        The branches are those of the run without noise. Where more than `FEW` elements are closer
        to a kink than their noise, they are drawn at random: what they add then counts as noise.
        """
        return self._about(dtype, Noisy(self, dtype).replicas(replicas, seed)) if works() else ()

    def ways(self, dtype: DType, rows: int = 64, seed: int = 0) -> Sequence[Outcome]:
        """Run it without noise, each time with other branches where one is open.

        In the first four all exact ties are broken alike; in the others every branch within noise
        is taken at random. What they differ by from `clean` are the jumps of kinks.
        """
        return self._about(dtype, Noisy(self, dtype).ways(rows, seed)) if works() else ()

    def _about(self, dtype: DType, runs: Sequence[Outcome]) -> Sequence[Outcome]:
        """Return runs about the clean one: operation by operation, they are of what is compiled."""
        if self.mode == "eager":
            return runs
        return around(self.clean(dtype), runs, self.in_mode("eager").clean(dtype))

    def constants(self, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Run it as `clean`, but with every constant held in float32 or less off by one u of it."""
        found = []
        for replica in range(replicas):
            mode = Shaken(np.random.default_rng([seed, replicas, replica]))
            found.append(self.in_float64(mode, "float32"))
            if not mode.met:
                return ()
        return self._about("float32", found)

    def at(self, inputs: Mapping[str, Array]) -> TensorFlowSide:
        """Return it at other inputs; those of its variables may be among them."""
        return replace(self, inputs={**self.inputs, **inputs})

    def in_mode(self, mode: str) -> TensorFlowSide:
        """Return it in another mode."""
        return replace(self, mode=mode)

    def holding(self, values: Mapping[str, Array], held: Held) -> TensorFlowSide:
        """Return it with taps that hand on given values, and given gradients."""
        cotangents = silenced(self.cotangents, held.silent)
        inputs = {**self.inputs, **values}
        return replace(self, inputs=inputs, cotangents=cotangents, held=held, _programs={})

    @property
    def _compiled(self) -> Compiled:
        return self._programs.setdefault(self.mode, Compiled(self.mode))

    def unsteady(self, dtype: DType) -> tuple[str, ...]:
        """Return the names of the arrays in which two runs from one seed differ."""
        return differing(self.plain(dtype), self.plain(dtype))

    def in_float64(self, mode: Precise, dtype: DType, enter: Enter = unchanged) -> Outcome:
        """Run it in float64, with somebody who sees each operation.

        Traced functions are run operation by operation for it.
        """
        with _eagerly():
            outcome = self.call.run(Way("float64", dtype, seen(mode), enter))
        return replace(outcome, dropped_casts=mode.dropped, random=mode.random)

    @property
    def call(self) -> Call:
        """What is run, whichever way."""
        return Call(
            self.subject,
            self.inputs,
            self.wrt,
            self.cotangents,
            self.device,
            self.seed,
            self.held,
        )


@contextmanager
def _eagerly() -> Iterator[None]:
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)
