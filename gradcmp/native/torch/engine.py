"""A user's function in torch: run plain, in float64 without casts, and under noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS, Format
from gradcmp.errors import InputError, did_you_mean
from gradcmp.judge.noise.kinks import FEW
from gradcmp.native.cotangents import Cotangents
from gradcmp.native.outcome import Array, Outcome, differing
from gradcmp.native.torch.branches import Branches, Drawn, Kept
from gradcmp.native.torch.noise import Noise
from gradcmp.native.torch.precise import Precise, float64_throughout
from gradcmp.native.torch.rounding import Exact, Rounding, rounding_of
from gradcmp.native.torch.run import Call, Way
from gradcmp.native.torch.subject import Subject, described
from gradcmp.recording import numpy_dtype

LARGE = 1 << 16  # elements of an array: of fewer, one thread computes under a mode
Enter: TypeAlias = Callable[[Any], Any]


def prepare(
    function: Callable[..., Any],
    inputs: Mapping[str, Array],
    *,
    wrt: Sequence[str] | None = None,
    cotangents: Cotangents | None = None,
    device: str = "cpu",
    seed: int = 0,
    watched: bool = True,
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
    """
    subject = Subject(function)
    known = {**inputs, **subject.parameters}
    differentiable = [
        name
        for name, one in inputs.items()
        if np.issubdtype(one.dtype, np.floating) or one.dtype == numpy_dtype("bfloat16")
    ]
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

    @property
    def environment(self) -> dict[str, str]:
        """Versions and threads."""
        return {
            "torch": torch.__version__,
            "device": self.device,
            "threads": f"{torch.get_num_threads()} intra-op",
        }

    def at(self, inputs: Mapping[str, Array]) -> Side:
        """Return it at other inputs."""
        return replace(self, inputs=dict(inputs))

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters of the module, as they are."""
        from gradcmp.backends.torch import to_array

        return {name: to_array(one) for name, one in self.subject.parameters.items()}

    def plain(self, dtype: DType) -> Outcome:
        """Run it in `dtype`, as the user does."""
        return self.call.run(Way(getattr(torch, dtype)))

    def clean(self, dtype: DType = "float32") -> Outcome:
        """Run it in float64, casts to a lower dtype left out.

        Parameters
        ----------
        dtype : str
            In which the run that this one stands for draws its random numbers.
        """
        mode = Precise(getattr(torch, dtype))
        return self.in_float64(mode)

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
        noise = _Noisy(self, dtype, operands)
        found: list[Outcome] = []
        for policy in (Kept, Drawn):
            found = []
            for replica in range(replicas):
                rng = np.random.default_rng([seed, replicas, replica])
                found.append(noise.replica(policy, rng))
                if policy is Kept and found[-1].near > FEW:
                    break
            else:
                break
        return [noise.without, *found]

    def unsteady(self, dtype: DType) -> tuple[str, ...]:
        """Return the names of the arrays in which two runs from one seed differ."""
        return differing(self.plain(dtype), self.plain(dtype))

    def in_float64(self, mode: Precise, enter: Enter = lambda tensor: tensor) -> Outcome:
        """Run it in a mode that sees each operation."""
        around = float64_throughout(mode, alone=self._size < LARGE)
        outcome = self.call.run(Way(torch.float64, around, enter))
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
        )


class _Noisy:
    """Runs of one side under the noise of one dtype."""

    def __init__(self, side: Side, dtype: DType, operands: Format | None = None) -> None:
        self._side = side
        self._dtype = dtype
        self._operands = operands
        self.without: Outcome

    @cached_property
    def base(self) -> Branches:
        """The branches of the run without noise, which does each operation as the replicas do."""
        branches = Branches()
        exact = Exact(FORMATS[self._dtype], np.random.default_rng(0))
        self.without = self.run(exact, branches)
        return branches

    def replica(self, policy: type[Kept], rng: np.random.Generator) -> Outcome:
        """Run it once with noise."""
        rounding = rounding_of(FORMATS[self._dtype], rng, self._operands)
        branches = policy(base=self.base.journal, width=rounding.kink_width)
        if isinstance(branches, Drawn):
            branches.toss = lambda like: rounding.toss(like)
        outcome = self.run(rounding, branches)
        return replace(outcome, near=branches.near, tied=self.base.tied)

    def run(self, rounding: Rounding, branches: Branches) -> Outcome:
        draws, whole = getattr(torch, self._dtype), FORMATS[self._dtype].only_stores
        mode = Noise(rounding, branches, draws, whole)
        outcome = self._side.in_float64(mode, rounding.enter)
        return replace(outcome, unruled=tuple(mode.unruled))
