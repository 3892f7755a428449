"""A user's function in torch: run plain, in float64 without casts, and under noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from gradcmp.case import DType
from gradcmp.errors import InputError, did_you_mean
from gradcmp.native.cotangents import Cotangents
from gradcmp.native.outcome import Array, Outcome, differing
from gradcmp.native.torch.precise import Precise, float64_throughout
from gradcmp.native.torch.run import Call, Way
from gradcmp.native.torch.subject import Subject, described
from gradcmp.recording import numpy_dtype


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
        return self._call.run(Way(getattr(torch, dtype)))

    def clean(self, dtype: DType = "float32") -> Outcome:
        """Run it in float64, casts to a lower dtype left out.

        Parameters
        ----------
        dtype : str
            In which the run that this one stands for draws its random numbers.
        """
        mode = Precise(getattr(torch, dtype))
        outcome = self._call.run(Way(torch.float64, float64_throughout(mode)))
        return replace(outcome, dropped_casts=mode.dropped, random=mode.random)

    def unsteady(self, dtype: DType) -> tuple[str, ...]:
        """Return the names of the arrays in which two runs from one seed differ."""
        return differing(self.plain(dtype), self.plain(dtype))

    @property
    def _call(self) -> Call:
        return Call(
            self.subject,
            self.inputs,
            self.wrt,
            self.cotangents,
            self.device,
            self.seed,
            self.watched,
        )
