"""A user's function in torch: run plain, in float64 without casts, and under noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch

from gradcmp.backends.torch_compile import EAGER
from gradcmp.dtypes import DType, Format
from gradcmp.dtypes.arrays import BFLOAT16, Array, numpy_dtype
from gradcmp.errors import InputError, did_you_mean
from gradcmp.native.arranging.arrangement import AS_IT_IS, Arrangement
from gradcmp.native.calling import described
from gradcmp.native.cotangents import Cotangents, silenced
from gradcmp.native.layouts.layout import CONTIGUOUS, Layout
from gradcmp.native.outcome import Outcome, around, differing
from gradcmp.native.taps import AS_THEY_COME, Held
from gradcmp.native.torch.modes.compiled import Compiled, under_autocast
from gradcmp.native.torch.precise import Precise, float64_throughout
from gradcmp.native.torch.replicas import Noisy
from gradcmp.native.torch.run import Call, Enter, Way, unchanged
from gradcmp.native.torch.shaken import Shaken
from gradcmp.native.torch.subject import Subject

LARGE = 1 << 16  # elements of an array: of fewer, one thread computes under a mode


def prepare(
    function: Callable[..., Any],
    inputs: Mapping[str, Array],
    *,
    wrt: Sequence[str] | None = None,
    cotangents: Cotangents | None = None,
    device: str = "cpu",
    seed: int = 0,
    watched: bool = True,
    arrangement: Arrangement | None = None,
    mode: str = EAGER,
    autocast: DType | None = None,
) -> Side:
    """Return a function at given inputs, ready to be run in any way.

    Parameters
    ----------
    function : callable
        A function, the `apply` of an `autograd.Function`, an `nn.Module` or a method of one. It
        takes tensors by name and returns one, a tuple or a dict of them.
    inputs : mapping of str to array
        By name; those of a module's parameters replace the ones that it has.
    wrt : sequence of str, optional
        What to differentiate with respect to: every real input and parameter unless it is given.
    cotangents : mapping of str to array, or callable, optional
        Of each output that is not a scalar; a scalar has 1 unless it is given here. They can be
        added later: `dataclasses.replace(side, cotangents=…)`.
    seed : int
        What all random numbers of the function are drawn from, before each run anew.
    watched : bool
        Whether taps and modules are taken note of.
    mode : str
        A stage of `torch.compile`: ``aot_eager``, ``compile``; or ``eager``.
    autocast : str, optional
        The dtype of an autocast around its forward pass.
    """
    subject = Subject(function, arrangement or AS_IT_IS)
    known = {**inputs, **subject.parameters}
    differentiable = [name for name, one in inputs.items() if is_real(one)]
    trained = [name for name, one in subject.parameters.items() if one.is_floating_point()]
    differentiable += [name for name in trained if name not in differentiable]
    for name in wrt or ():
        if name not in known:
            way_out = did_you_mean(name, known)
            raise InputError(f"{described(function)} has no input '{name}'", way_out=way_out)
        if name not in differentiable:
            raise InputError(f"input '{name}' has no derivative: its numbers are not real")
    return Side(
        subject,
        dict(inputs),
        tuple(differentiable if wrt is None else wrt),
        cotangents or {},
        device,
        seed,
        watched,
        mode,
        autocast,
    )


@dataclass(frozen=True)
class Side:
    """A function at given inputs."""

    subject: Subject
    inputs: Mapping[str, Array]
    wrt: tuple[str, ...]
    cotangents: Cotangents = field(default_factory=dict)
    device: str = "cpu"
    seed: int = 0
    watched: bool = True
    mode: str = EAGER
    autocast: DType | None = None
    _compiled: dict[tuple[str, str], Compiled] = field(
        default_factory=dict, repr=False, compare=False
    )
    layout: Layout = CONTIGUOUS
    held: Held = AS_THEY_COME

    framework: ClassVar[str] = "torch"

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """The names that it can be called by."""
        return self.subject.arguments

    @property
    def environment(self) -> dict[str, str]:
        """Versions and threads."""
        return {
            "torch": torch.__version__,
            "device": self.device,
            "threads": f"{torch.get_num_threads()} intra-op",
        }

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters of the module, as they are."""
        from gradcmp.backends.torch import to_array

        return {name: to_array(one) for name, one in self.subject.parameters.items()}

    def shapes(self, dtype: DType = "float32") -> dict[str, tuple[int, ...]]:
        """Return the shape of each output that has a derivative: what needs a cotangent.

        The function runs forward once for it.
        """
        return self.call.shapes(Way(getattr(torch, dtype)))

    def plain(self, dtype: DType) -> Outcome:
        """Run it in `dtype`, as the user does."""
        way = Way(getattr(torch, dtype))
        if self.autocast:
            way = replace(way, calls=under_autocast(self.autocast, self.device))
        return self.call.run(way) if self.mode == EAGER else self._in_stage("").run(self.call, way)

    def clean(self, dtype: DType = "float32") -> Outcome:
        """Run it in float64, casts to a lower dtype left out.

        Parameters
        ----------
        dtype : str
            In which the run that this one stands for draws its random numbers.
        """
        if self.mode != EAGER:
            return self._in_stage(dtype).in_float64(self.call)
        return self.in_float64(Precise(getattr(torch, dtype)))

    def _in_stage(self, draws: str) -> Compiled:
        """Return what compiles it; for float64 with the numbers that another dtype draws."""
        key = (self.mode, draws)
        if key not in self._compiled:
            precise = Precise(getattr(torch, draws)) if draws else None
            self._compiled[key] = Compiled(self.mode, self.device, precise)
        return self._compiled[key]

    def noisy(
        self,
        dtype: DType,
        replicas: int = 16,
        seed: int = 0,
        operands: Format | None = None,
    ) -> list[Outcome]:
        """Run it `replicas` times in float64, with a rounding error after each operation.

        The branches are those of the run without noise. Where more than `FEW` elements are closer
        to a kink than their noise, they are drawn at random: what they add then counts as noise.

        Parameters
        ----------
        dtype : str
            Whose rounding errors.
        seed : int
            Of the errors; the function's own random numbers are the same in all runs.
        operands : Format, optional
            What matrix products round their operands to first.
        """
        noise = Noisy(self, dtype, operands)
        return self._about(dtype, noise.replicas(replicas, seed))

    def ties(self, dtype: DType = "float32") -> list[Outcome]:
        """Run it without noise, all exact ties going up, and all going down."""
        return self.ways(dtype, rows=2)

    def ways(self, dtype: DType, rows: int = 64, seed: int = 0) -> list[Outcome]:
        """Run it without noise, each time with other branches where one is open.

        In the first four all exact ties are broken alike; in the others every branch within noise
        is taken at random. What they differ by from `clean` are the jumps of kinks.
        """
        return self._about(dtype, Noisy(self, dtype).ways(rows, seed))

    def _about(self, dtype: DType, runs: list[Outcome]) -> list[Outcome]:
        """Return runs about the clean one: operation by operation, they are of what is compiled."""
        if self.mode == EAGER:
            return runs
        return around(self.clean(dtype), runs, self.in_mode(EAGER).clean(dtype))

    def constants(self, replicas: int = 16, seed: int = 0) -> list[Outcome]:
        """Run it as `clean`, but with every constant held in float32 or less off by one u of it.

        Such constants are tables and buffers that were made before anybody asked for float64.
        """
        found = []
        for replica in range(replicas):
            rng = np.random.default_rng([seed, replicas, replica])
            mode = Shaken(rng)
            found.append(self.in_float64(mode, constant=mode.shake))
        return self._about("float32", found)

    def nudged(self, dtype: DType, seed: int = 0) -> Outcome:
        """Run it in `dtype` at inputs and parameters one step up or down from where they are."""
        rng = np.random.default_rng(seed)
        inputs = {
            name: one_step(array, dtype, rng) if is_real(array) else array
            for name, array in {**self.parameters, **self.inputs}.items()
        }
        return self.at(inputs).plain(dtype)

    def at(self, inputs: Mapping[str, Array]) -> Side:
        """Return the same at other inputs; those of a module's parameters may be among them."""
        return replace(self, inputs={**self.inputs, **inputs})

    def laid(self, layout: Layout, cotangents: Cotangents) -> Side:
        """Return the same with its inputs or cotangents in another layout."""
        return replace(self, layout=layout, cotangents=cotangents)

    def in_mode(self, mode: str) -> Side:
        """Return the same in another mode."""
        return replace(self, mode=mode)

    def holding(self, values: Mapping[str, Array], held: Held) -> Side:
        """Return the same with taps that hand on given values, and given gradients."""
        cotangents = silenced(self.cotangents, held.silent)
        inputs = {**self.inputs, **values}
        return replace(self, inputs=inputs, cotangents=cotangents, held=held)

    def unsteady(self, dtype: DType) -> tuple[str, ...]:
        """Return the names of the arrays in which two runs from one seed differ."""
        return differing(self.plain(dtype), self.plain(dtype))

    def in_float64(
        self, mode: Precise, enter: Enter = unchanged, constant: Enter = unchanged
    ) -> Outcome:
        """Run it in a mode that sees each operation."""
        around = float64_throughout(mode, alone=self._size < LARGE)
        outcome = self.call.run(Way(torch.float64, around, enter, constant))
        return replace(outcome, dropped_casts=mode.dropped, random=mode.random)

    @property
    def _size(self) -> int:
        arrays = [*self.inputs.values(), *self.subject.parameters.values()]
        return max((math.prod(array.shape) for array in arrays), default=0)

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
            self.watched,
            self.layout,
            self.held,
        )


def is_real(array: Array) -> bool:
    """Whether an array has a derivative."""
    return array.dtype.kind == "f" or array.dtype == BFLOAT16


def one_step(array: Array, dtype: DType, rng: np.random.Generator) -> Array:
    """Return the numbers of `dtype` next to those of an array, above or below at random."""
    held = array.astype(numpy_dtype(dtype))
    up = rng.random(held.shape) < 0.5
    limit = np.where(up, np.inf, -np.inf).astype(held.dtype)
    near: Array = np.nextafter(held, limit)
    return np.where(np.isfinite(near), near, held)
