"""What a function is asked once more while it is there, for a judge that has its file alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from gradcmp.case import DType
from gradcmp.functions.again.nudged import own_noise_of
from gradcmp.functions.constants import spread_of
from gradcmp.functions.jumps import Jumps
from gradcmp.functions.noise import CodeNoise
from gradcmp.functions.primal import CodePrimal
from gradcmp.functions.recorded import recorded
from gradcmp.functions.saved.slopes import direction
from gradcmp.judge.elementwise.segments import Float
from gradcmp.native.outcome import Outcome
from gradcmp.native.side import Cotangent, Side, attempted
from gradcmp.recording import Account, Branches, Recording, Slope

# Numbers of all jumps of one tensor: 128 MiB. What many elements have at an open branch is noise.
MOST_JUMPS = 1 << 24


@dataclass(frozen=True)
class Witnessed:
    """A function that has run, and can still be asked.

    Attributes
    ----------
    plain, clean : Outcome
        Its run in `dtype` and in float64, the latter None where it refuses that.
    """

    label: str
    side: Side
    plain: Outcome
    clean: Outcome | None
    dtype: DType
    cotangent: Cotangent

    @cached_property
    def recording(self) -> Recording:
        """Its run, with all that can be known of it later."""
        made = recorded(self.label, self.side, self.plain, self.dtype, self.cotangent)
        if self.clean is None:
            unknown = ("it has no float64 run: noise and slopes",)
            return replace(made, account=replace(_names(made), unknown=unknown))
        fine = recorded(self.label, self.side, self.clean, "float64", self.cotangent)
        account = self._account(self.clean, _names(made), fine)
        twin = fine if self.dtype != "float64" else None
        own = self._own_noise(made, fine) if twin else {}
        return replace(made, twin=twin, own_noise=own, account=account)

    def _account(self, clean: Outcome, names: Account, fine: Recording) -> Account:
        source = CodeNoise({self.label: self.side}, {self.label: clean}, self.label, fine, {})
        noise = source.of(self.label, self.side.autocast or self.dtype)
        branches = dict(self._branches(clean, source.names))
        slopes = dict(self._slopes(clean))
        return replace(
            names,
            noise={name: scale.s for name, scale in noise.scales.items()},
            coherent={name: scale.coherent for name, scale in noise.scales.items()},
            own=noise.own,
            unruled=noise.unruled,
            branches={name: one for name, one in branches.items() if one is not None},
            spread={n: s for n, s in spread_of(self.side, self.dtype).items() if s.any()},
            slopes=slopes,
            unknown=tuple(self._unknown(branches, slopes)),
        )

    def _unknown(
        self, branches: Mapping[str, Branches | None], slopes: Mapping[str, Slope]
    ) -> Iterator[str]:
        lost = [name for name, one in branches.items() if one is None]
        if lost:
            yield f"too many elements lie at open branches: {', '.join(lost)}"
        flat = [name for name in self.side.wrt if name not in slopes]
        if flat:
            yield f"no derivative along a random direction: {', '.join(flat)}"

    def _branches(
        self, clean: Outcome, names: frozenset[str]
    ) -> Iterator[tuple[str, Branches | None]]:
        """Return what open branches add; None of a tensor where that would fill a disk."""
        found = Jumps(self.side, clean, self.dtype, names)
        if not any(jump.any() for jump in found.jumps.values()):
            return  # nothing is open, and more ways would not say otherwise
        for name, jumps in found.jumps.items():
            few, many = _rows(jumps), _rows(found.many_jumps[name])
            reached = np.any(np.nan_to_num(few), axis=0) | np.any(np.nan_to_num(many), axis=0)
            places = np.flatnonzero(reached)
            if places.size * (len(few) + len(many)) > MOST_JUMPS:
                yield name, None
            elif places.size:
                yield name, Branches(places, few[:, places], many[:, places])

    def _slopes(self, clean: Outcome) -> Iterator[tuple[str, Slope]]:
        """Return the derivative by each input, along one direction that the file need not hold."""
        primal = CodePrimal(self.side, clean, self.cotangent)
        given = {**self.side.parameters, **self.side.inputs}
        for name in self.side.wrt:
            way = direction(name, np.shape(given[name]))
            truth = attempted(partial(primal.along_all, {name: way}), None)
            if truth is not None and np.isfinite([truth.value, truth.error]).all():
                yield name, Slope(truth.value, truth.error)

    def _own_noise(self, made: Recording, fine: Recording) -> dict[str, Float]:
        label, names = self.label, [*fine.tensors]
        found = own_noise_of(
            {label: self.side}, {label: made}, {label: fine}, {label: names}, self.dtype,
            self.cotangent,
        )  # fmt: skip
        return found.get(label, {})


def _names(recording: Recording) -> Account:
    assert recording.account is not None
    return recording.account


def _rows(jumps: Float) -> Float:
    return jumps.reshape(len(jumps), -1)
