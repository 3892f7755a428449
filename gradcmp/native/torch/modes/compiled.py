"""A function as `torch.compile` or an autocast runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, TypeAlias

import torch

from gradcmp.backends.torch_compile import Compiler
from gradcmp.dtypes import DType
from gradcmp.native.calling import described
from gradcmp.native.outcome import Outcome
from gradcmp.native.torch.precise import Precise
from gradcmp.native.torch.run import Call, Way
from gradcmp.native.torch.subject import Subject

Function: TypeAlias = Callable[..., Any]


class Compiled:
    """A function that is compiled once for each of its dtypes and shapes.

    Compiled code is not seen by a mode that sees operations, but tracing it is: so casts are left
    out of what is compiled for float64.

    Parameters
    ----------
    precise : Precise, optional
        The mode that graphs are traced in.
    """

    def __init__(self, mode: str, device: str, precise: Precise | None = None) -> None:
        self._precise = precise
        self._compiler = Compiler(mode, device, lambda: precise or nullcontext())

    def run(self, call: Call, way: Way) -> Outcome:
        """Run it once; nothing inside of it is watched, which would change what is compiled.

        Raises
        ------
        BackendError
            When nothing of it was compiled.
        """
        around = way.calls
        through = replace(way, calls=lambda function: around(self._compiled(function)))
        with self._compiler.running(described(call.subject.function)):
            outcome = replace(call, watched=False).run(through)
        return replace(outcome, facts=self._compiler.facts)

    def in_float64(self, call: Call) -> Outcome:
        """Run it in float64, casts to a lower dtype left out."""
        assert self._precise is not None
        outcome = self.run(call, Way(torch.float64, _float64()))
        return replace(outcome, dropped_casts=self._precise.dropped, random=self._precise.random)

    def _compiled(self, function: Function) -> Function:
        if not Subject(function).is_apply:
            return self._compiler.compiled(function)

        def apply(*operands: Any) -> Any:  # a method of C, which cannot be compiled itself
            return function(*operands)

        return self._compiler.compiled(apply)


@contextmanager
def _float64() -> Iterator[None]:
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)


def under_autocast(dtype: DType, device: str) -> Callable[[Function], Function]:
    """Return what makes a function run under an autocast, its backward pass outside of it."""
    kind, lower = device.partition(":")[0], getattr(torch, dtype)

    def around(function: Function) -> Function:
        def run(*operands: Any, **named: Any) -> Any:
            with torch.autocast(kind, lower):
                return function(*operands, **named)

        return run

    return around
