"""The noise of recorded functions: what each was found to have while it was there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS, Format
from gradcmp.functions.jumps import SideBranches
from gradcmp.functions.noise import CodeNoise, SideNoise
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import Scale, pool
from gradcmp.recording import Array, Branches, Recording


@dataclass(eq=False)
class RecordedBranches:
    """The open branches of a recorded function: an `OpenBranches`.

    Attributes
    ----------
    base : mapping of str to array
        Its float64 run, by tensor.
    found : mapping of str to Branches
        Of those tensors that any branch makes a difference to.
    """

    dtype: DType
    base: Mapping[str, Array]
    found: Mapping[str, Branches]

    @property
    def is_open(self) -> bool:
        """Whether another branch would make a difference."""
        return any(jump.any() for jump in self.jumps.values())

    @property
    def precision(self) -> Format:
        """The rounding of the dtype in which they are open."""
        return FORMATS[self.dtype]

    @cached_property
    def jumps(self) -> dict[str, Float]:
        """By tensor, what each of a few ways to take the open branches adds to it."""
        return {name: self._spread(name, lambda one: one.jumps) for name in self.base}

    @cached_property
    def many_jumps(self) -> dict[str, Float]:
        """The same for more ways."""
        return {name: self._spread(name, lambda one: one.more) for name in self.base}

    def _spread(self, name: str, rows_of: Callable[[Branches], Float]) -> Float:
        """Return the jumps of a whole tensor: as many ways for those that none reaches."""
        array, ways = (
            self.base[name],
            max([len(rows_of(one)) for one in self.found.values()] or [1]),
        )
        flat = np.zeros((ways, array.size))
        if name in self.found:
            flat[:, self.found[name].places] = rows_of(self.found[name])
        return flat.reshape(ways, *array.shape)


@dataclass
class RecordedNoise(CodeNoise):
    """The noise of recorded functions that compute the same.

    Attributes
    ----------
    recordings : mapping of str to Recording
        By label, those that have a float64 run.
    """

    recordings: Mapping[str, Recording] = field(default_factory=dict)

    def _find(self, label: str, dtype: DType, replicas: int) -> SideNoise:
        """Return what was recorded of one side, or of another that has a stream of operations."""
        known = {
            one: recording.account
            for one in dict.fromkeys((label, self.against, *self.clean))
            if (recording := self.recordings.get(one)) and recording.dtype == dtype
            if recording.account and recording.account.noise
        }
        streams = [one for one, account in known.items() if not account.own]
        chosen = [*streams, *known]
        if not chosen:
            return SideNoise({name: self._rounded(name, dtype) for name in self.names})
        account, base = known[chosen[0]], self.clean[chosen[0]].tensors
        scales = {
            name: Scale(
                np.asarray(base[name], np.float64), s, account.coherent[name], own=account.own
            )
            for name, s in account.noise.items()
            if name in base and s.shape == base[name].shape
        }
        rounded = {name: self._rounded(name, dtype) for name in self.names - scales.keys()}
        return SideNoise({**rounded, **scales}, account.own, account.unruled)

    def _rounded(self, name: str, dtype: DType) -> Scale:
        """Return the noise of what no recording says it of: rounding the result, and no more."""
        return pool(np.asarray(self.reference.tensors[name], np.float64)[None], FORMATS[dtype])

    def _jumps(self, label: str, dtype: DType) -> SideBranches:
        recording = self.recordings[label]
        account = recording.account
        found = account.branches if account and recording.dtype == dtype else {}
        tensors = self.clean[label].tensors
        return RecordedBranches(dtype, {n: tensors[n] for n in self.names if n in tensors}, found)
