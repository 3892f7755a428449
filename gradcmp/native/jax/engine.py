"""A user's function of JAX: run by JAX, and by NumPy under noise."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import jax
import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.branches import (
    Branches,
    ReplayedBranches,
    SharingBranches,
    WatchedBranches,
)
from gradcmp.judge.noise.kinks import JostledModel
from gradcmp.judge.noise.lawful import (
    Rows,
    Steps,
    any_differs,
    picked,
    sites_of,
)
from gradcmp.judge.noise.model import NoiseModel, NoisyArray
from gradcmp.native.arranging.arranged import Arranged
from gradcmp.native.arranging.arrangement import Arrangement
from gradcmp.native.arrays import as_array
from gradcmp.native.cotangents import Cotangents, silenced
from gradcmp.native.jax.interpreter import Interpreter, plain
from gradcmp.native.jax.models import NARROW, exact, given_models, models_of, narrowing, taken_in
from gradcmp.native.jax.program import NUMBERS_ASKED, Program, precision
from gradcmp.native.jax.results import outcome, parts, primals, replica, unflattened
from gradcmp.native.jax.stacks import Value, stack
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.taps import Held


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
) -> JaxSide:
    """Return a function at given inputs, ready to be run in any way.

    It takes arrays by name and returns one, a tuple or a dict of them. The arrays that it holds
    itself, as a module that is a pytree does, are further inputs.

    Parameters
    ----------
    wrt : sequence of str, optional
        What to differentiate with respect to: every real input unless it is given.
    cotangents : mapping of str to array, or callable, optional
        Of each output that is not a scalar; a scalar has 1 unless it is given here.

    Raises
    ------
    InputError
        When it takes no input of such a name.
    """
    call = Arranged.of(function, arrangement)
    own = {name: as_array(name, one) for name, one in call.parameters.items()}
    given = {**own, **inputs}
    call.require(given)
    real = tuple(name for name, array in given.items() if array.dtype.kind == "f")
    names = real if wrt is None else tuple(wrt)
    return JaxSide(Program(call, names, cotangents or {}), given, device, mode, own)


@dataclass(frozen=True)
class JaxSide:
    """A function of JAX at given inputs."""

    program: Program
    inputs: Mapping[str, Array]
    device: str = "cpu"
    mode: str = "eager"
    parameters: Mapping[str, Array] = field(default_factory=dict)
    _traces: dict[str, tuple[Any, Any]] = field(default_factory=dict, repr=False)

    framework: ClassVar[str] = "jax"
    autocast: ClassVar[None] = None

    @property
    def held(self) -> Held:
        """The taps that hand on what lies among the inputs."""
        return self.program.held

    @property
    def wrt(self) -> tuple[str, ...]:
        """What it is differentiated with respect to."""
        return self.program.wrt

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """The names that it can be called by."""
        return self.program.function.arguments

    @property
    def environment(self) -> dict[str, str]:
        """JAX's version and device."""
        return {
            "jax": jax.__version__,
            "device": self.device,
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
        }

    def at(self, inputs: Mapping[str, Array]) -> JaxSide:
        """Return it at other inputs."""
        return replace(self, inputs={name: inputs[name] for name in self.inputs})

    def in_mode(self, mode: str) -> JaxSide:
        """Return it in another mode."""
        return replace(self, mode=mode)

    def holding(self, values: Mapping[str, Array], held: Held) -> JaxSide:
        """Return it with taps that hand on given values, and given gradients."""
        cotangents = silenced(self.program.cotangents, held.silent)
        program = replace(self.program, cotangents=cotangents, held=held, _known={})
        return replace(self, program=program, inputs={**self.inputs, **values}, _traces={})

    def plain(self, dtype: DType) -> Outcome:
        """Run it in a dtype, as the user does."""
        with precision(dtype), jax.default_device(self._place):
            return self._told(self.program.arrays(self.inputs, dtype))

    def clean(self, dtype: DType = "float32") -> Outcome:
        """Run it in float64; with casts to a lower dtype NumPy runs it, which leaves them out.

        Of Python that asks for numbers there is no program to find casts in: they stay.
        """
        try:
            dropped = narrowing(self._in("float64")[0].jaxpr)
        except NUMBERS_ASKED:
            dropped = 0
        with precision("float64"), jax.default_device(self._place):
            arrays = self.program.arrays(self.inputs, "float64")
            if not dropped:
                return self._told(arrays)
        return replace(self.by_numpy(), dropped_casts=dropped)

    @property
    def _both(self) -> Callable[[Any], Any]:
        return self.program.jitted if self.mode == "jit" else self.program.both

    def _told(self, arrays: Mapping[str, Any]) -> Outcome:
        found = replace(outcome(self._both(arrays)), facts={"mode": self.mode})
        traced = self.program.traced(dict(arrays))
        if traced is None:
            return found
        # At a tap that is not held a gradient arrives by any way.
        unused = traced.ignored & self.held.slopes.keys()
        return replace(found, unused=unused, bypassed=traced.bypassed)

    def by_numpy(self) -> Outcome:
        """Run it in float64 by NumPy, casts to a lower dtype left out."""
        traced, tree = self._in("float64")
        run = Interpreter(dict.fromkeys(("float64", *NARROW), exact(0)))
        return outcome(unflattened(tree, run.run(traced, self._leaves(self.inputs))))

    def noisy(self, dtype: DType, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Run it in float64 with the rounding of `dtype` after each primitive.

        Of what branches make of a replica nothing is left: see `ways`.
        """
        traced, tree = self._in(dtype)
        branches = Branches()
        models = models_of(dtype, replicas, seed, branches)
        noise = Interpreter(models, constant=taken_in(models[dtype]))
        found = noise.run(traced, self._wrapped(models[dtype]))
        stacks = [stack(one) for one in found]
        if branches.near:
            jumps = self._replayed(traced, replicas, branches)
            stacks = [s - (j - j[:1]) for s, j in zip(stacks, jumps, strict=True)]
        unruled, near, tied = tuple(noise.unruled), branches.near, branches.tied
        return [
            replace(one, unruled=unruled, near=near, tied=tied)
            for one in self._around(dtype, tree, stacks)
        ]

    def ways(self, dtype: DType, rows: int = 64, seed: int = 0) -> Sequence[Outcome]:
        """Run it in float64, open branches taken otherwise."""
        return self._around(dtype, self._in(dtype)[1], self._lawful(dtype, rows, seed))

    def _jostled(
        self, dtype: DType, rows: int, seed: int, held: Mapping[int, Array]
    ) -> SharingBranches:
        """Return the branches that all rows take; some comparisons are held."""
        branches, rng = SharingBranches(held=held), np.random.default_rng([seed, rows])
        free = JostledModel(FORMATS[dtype], rows, rng, branches=branches)
        run = Interpreter(dict.fromkeys(("float64", *NARROW), free), free.jostle, taken_in(free))
        run.run(self._in(dtype)[0], self._wrapped(free))
        return branches

    def _lawful(self, dtype: DType, rows: int, seed: int) -> list[Any]:
        """Return what the branches of all rows make, no value of what is certain among it."""
        traced, tree = self._in(dtype)
        branches = self._jostled(dtype, rows, seed, {})
        # A number that the dtype does not have is another one in the program in float64.
        watched = [self._watched(self._in(one)[0], dtype) for one in (dtype, "float64")]
        sites = sites_of(branches.journal, *watched)

        def run(held: frozenset[int]) -> Any:
            certain = {site: sites[site] for site in held}
            # What is compared later follows from what is held.
            taken = self._jostled(dtype, rows, seed, certain) if held else branches
            return unflattened(tree, self._replayed(traced, rows, taken))

        def differ(one: Any, other: Any) -> Rows:
            return any_differs(zip(primals(one).values(), primals(other).values(), strict=True))

        def pick(rows: Rows, one: Any, other: Any) -> Any:
            return jax.tree.map(partial(picked, rows), one, other)

        values, gradients = Steps(run, differ, pick).lawful(sites)
        outputs = {**gradients["outputs"], **primals(values)}
        found: list[Any] = jax.tree.leaves(
            {**gradients, "outputs": outputs, "taps": values["taps"]}
        )
        return found

    def _watched(self, traced: Any, dtype: DType) -> WatchedBranches:
        """Return where comparisons are of what was given, bit by bit."""
        given, models = given_models(dtype)
        Interpreter(models, constant=taken_in(given)).run(traced, self._wrapped(given))
        return given.branches

    def constants(self, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Run it in float64 with the numbers that it holds in float32 off by a unit roundoff."""
        traced, tree = self._in("float64")
        model, rng = exact(replicas), np.random.default_rng([seed, replicas])
        u, met = FORMATS["float32"].u, []

        def moved(value: Any, dtype: Any) -> Value:
            held = plain(value)
            if str(dtype) != "float32" or not np.any(held):
                return held
            met.append(dtype)
            xi = rng.uniform(-1.0, 1.0, (replicas + 1, *held.shape))
            xi[0] = 0.0
            return NoisyArray(held * (1 + u * xi), model)

        models = {one: model for one in ("float64", *NARROW)}
        found = Interpreter(models, constant=moved).run(traced, self._leaves(self.inputs))
        return self._around("float64", tree, [stack(one) for one in found]) if met else ()

    def _around(self, dtype: DType, tree: Any, stacks: Sequence[Any]) -> list[Outcome]:
        """Return the run of each replica, around the clean one.

        A program that is traced in a lower dtype has its literals rounded, so that its own run
        without noise is off by a little.
        """
        clean = jax.tree.leaves(parts(self.clean(dtype)))
        pairs = [*zip(stacks, clean, strict=True)]
        return [
            outcome(unflattened(tree, [replica(s, base, row) for s, base in pairs]))
            for row in range(1, max(map(len, stacks)))
        ]

    @property
    def _place(self) -> Any:
        kind, _, index = self.device.partition(":")
        return jax.devices(kind)[int(index or 0)]

    def _in(self, dtype: DType) -> tuple[Any, Any]:
        """Return the program of values and gradients, and how its results are arranged."""
        if dtype not in self._traces:
            with precision(dtype):
                arrays = self.program.arrays(self.inputs, dtype)
                traced, shapes = jax.make_jaxpr(self.program.both, return_shape=True)(arrays)
            self._traces[dtype] = traced, jax.tree.structure(shapes)
        return self._traces[dtype]

    def _leaves(self, arrays: Mapping[str, Any]) -> list[Value]:
        return [plain(arrays[name]) for name in sorted(arrays)]

    def _wrapped(self, model: NoiseModel) -> list[Value]:
        return [
            model.wrap(array) if array.dtype.kind == "f" else array
            for array in (self.inputs[name] for name in sorted(self.inputs))
        ]

    def _replayed(self, traced: Any, replicas: int, branches: Branches) -> list[Any]:
        """Run without noise, each replica on the branches that it took before."""
        model = exact(replicas, ReplayedBranches(branches.journal))
        run = Interpreter(dict.fromkeys(("float64", *NARROW), model), constant=taken_in(model))
        found = run.run(traced, self._wrapped(model))
        return [stack(one) for one in found]
