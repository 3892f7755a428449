"""A recorded function: a side that says what it said, and can be asked nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gradcmp.case import DType
from gradcmp.errors import BackendError
from gradcmp.native.outcome import Array, Outcome, Tap
from gradcmp.native.side import Unseen
from gradcmp.native.taps import AS_THEY_COME, Held
from gradcmp.recording import Account, Origin, Recording


@dataclass(frozen=True)
class RecordedSide(Unseen):
    """A function as its recording has it.

    Attributes
    ----------
    origin : Origin
        The case that it is of.
    """

    recording: Recording
    origin: Origin

    autocast: ClassVar[None] = None  # the dtype of the recording says it
    held: ClassVar[Held] = AS_THEY_COME

    @property
    def framework(self) -> str:
        """The framework that it is written for, as far as the recording says."""
        spec = self.origin.case.code.get(self.recording.backend)
        return spec.backend.name if spec else ""

    @property
    def mode(self) -> str:
        """The mode that it ran in, as far as the recording says."""
        return self.recording.environment.get("mode", "")

    @property
    def account(self) -> Account:
        """What its further runs have shown."""
        return self.recording.account or Account(())

    @property
    def inputs(self) -> Mapping[str, Array]:
        """What it was called with."""
        return self._given(self.origin.case.inputs)

    @property
    def parameters(self) -> Mapping[str, Array]:
        """What it brought itself."""
        return self._given(self.account.parameters)

    def _given(self, names: Sequence[str] | Mapping[str, object]) -> dict[str, Array]:
        values = (self.recording.twin or self.recording).values
        return {name: values[name] for name in names if name in values}

    @property
    def wrt(self) -> tuple[str, ...]:
        """What it was differentiated with respect to."""
        return self.account.wrt

    @property
    def arguments(self) -> tuple[str, ...]:
        """Nothing: it is not called any more."""
        return ()

    @property
    def environment(self) -> Mapping[str, str]:
        """Versions and flags."""
        return self.recording.environment

    @property
    def has_clean(self) -> bool:
        """Whether it has a float64 run."""
        return self.recording.twin is not None or self.recording.dtype == "float64"

    def plain(self, dtype: DType) -> Outcome:
        """Return its run in the dtype of the recording."""
        return self._outcome(self.recording)

    def clean(self, dtype: DType = "float32") -> Outcome:
        """Return its float64 run."""
        if not self.has_clean:
            raise BackendError("the recording has no float64 run")
        return self._outcome(self.recording.twin or self.recording)

    def constants(self, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Return one run, in which each tensor is off by what its constants leave open."""
        if not self.account.spread or not self.has_clean:
            return ()
        base = self.recording.twin or self.recording
        moved = {
            name: np.asarray(array, np.float64) + self.account.spread[name]
            for name, array in base.tensors.items()
            if name in self.account.spread
        }
        return (self._outcome(base, moved),)

    def at(self, inputs: Mapping[str, Array]) -> RecordedSide:
        """Raise: nobody can run it.

        Raises
        ------
        BackendError
        """
        raise BackendError("a recording cannot be run")

    def in_mode(self, mode: str) -> RecordedSide:
        """Raise: nobody can run it.

        Raises
        ------
        BackendError
        """
        raise BackendError("a recording cannot be run")

    def holding(self, values: Mapping[str, Array], held: Held) -> RecordedSide:
        """Raise: nobody can run it.

        Raises
        ------
        BackendError
        """
        raise BackendError("a recording cannot be run")

    def _outcome(self, run: Recording, instead: Mapping[str, Array] | None = None) -> Outcome:
        tensors = {**run.tensors, **(instead or {})}
        return Outcome(
            {name: tensors[name] for name in self.account.outputs if name in tensors},
            {name: tensors[f"d {name}"] for name in self.wrt if f"d {name}" in tensors},
            {
                name: Tap(tensors[name], tensors[f"d {name}"])
                for name in self.account.taps
                if name in tensors and f"d {name}" in tensors
            },
        )
