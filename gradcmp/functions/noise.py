"""The noise of somebody's code: from its operations, or from runs at nearby points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.functions.jumps import Jumps, ReferenceFirst, SideBranches
from gradcmp.inputs import round_to
from gradcmp.judge.auto.loudness import OWN_LIMITS, Limits, limits_of, together
from gradcmp.judge.auto.overflow import Overflow, beyond_largest
from gradcmp.judge.auto.tensors.pair import RecordingPair
from gradcmp.judge.noise.bfloat16 import Bfloat16Model
from gradcmp.judge.noise.calibration import Scale, pool
from gradcmp.judge.noise.kinks import OpenBranches
from gradcmp.judge.noise.nearby_points import NEARBY, POINTS
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.side import Side, attempted
from gradcmp.recording import Recording

REPLICAS = 16
ROUGH_REPLICAS = 4


@dataclass(frozen=True)
class SideNoise:
    """The noise of one function in one dtype.

    Attributes
    ----------
    scales : mapping of str to Scale
        By tensor, as on screen.
    own : bool
        Whether it is what the code strays from float64 at nearby points.
    unruled : tuple of str
        Operations without a rule, which were given noise of their own.
    """

    scales: Mapping[str, Scale]
    own: bool = False
    unruled: tuple[str, ...] = ()


@dataclass
class CodeNoise:
    """The noise of functions that compute the same: a `NoiseSource`.

    One side's noise serves the others. In float32 it is the reference's; in narrower dtypes, where
    a fused kernel rounds once and composed operations after each step, the larger of both.

    Attributes
    ----------
    sides : mapping of str to Side
        By label.
    clean : mapping of str to Outcome
        Their float64 runs, of those that have one.
    against : str
        The label of the side whose float64 run is the reference.
    reference : Recording
    float32_run : mapping of str to array
        By tensor, what that side computes in float32; empty where another dtype is tested.
    """

    sides: Mapping[str, Side]
    clean: Mapping[str, Outcome]
    against: str
    reference: Recording
    float32_run: Mapping[str, Array]
    _known: dict[tuple[str, DType, int], SideNoise] = field(default_factory=dict)
    _open: dict[tuple[str, DType], SideBranches] = field(default_factory=dict)
    _overflows: dict[DType, Overflow] = field(default_factory=dict)

    units = ()
    loses_digits = False
    has_branches = True  # for all that is known

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""
        side = self.sides[self.against]
        return tuple({**side.parameters, **side.held.given(side.inputs)})

    @cached_property
    def names(self) -> frozenset[str]:
        """The tensors that have noise: real ones."""
        known = self.clean[self.against].tensors
        tensors = self.reference.tensors.items()
        return frozenset(n for n, array in tensors if array.dtype.kind == "f" and n in known)

    @property
    def rule(self) -> str:
        """The rule in full."""
        used = [*self._known.items()]
        own = any(noise.own for _, noise in used)
        limits = self._limits(own, "float32")
        labels = " and ".join(dict.fromkeys(label for (label, *_), _ in used)) or self.against
        how = f"{POINTS} nearby points" if own else f"{REPLICAS} randomly rounded runs"
        without = f"; without a rule of its own: {', '.join(self.unruled)}" if self.unruled else ""
        return f"auto: |a − e| <= {limits.r:g} × noise, from {how} of {labels}{without}"

    @property
    def unruled(self) -> tuple[str, ...]:
        """Operations without a rule."""
        return tuple(dict.fromkeys(op for noise in self._known.values() for op in noise.unruled))

    def lost_digits(self, dtype: DType) -> bool:
        """Return that no formula is known to have lost any."""
        return False

    def limits(self, dtype: DType) -> Limits:
        """Return from where on a difference in a dtype is loud."""
        known = [noise.own for (_, of, _), noise in self._known.items() if of == dtype]
        return self._limits(any(known), dtype)

    def _limits(self, own: bool, dtype: DType) -> Limits:
        return OWN_LIMITS if own else limits_of(dtype)

    def overflow(self, dtype: DType) -> Overflow:
        """Return what the dtype has no number for; where code overflows inside is not known."""
        if dtype not in self._overflows:
            tensors = self.reference.tensors
            known = {name: tensors[name] for name in self.names}
            self._overflows[dtype] = beyond_largest(known, dtype)
        return self._overflows[dtype]

    def between(self, name: str, sides: RecordingPair, unit: str = "") -> Scale:
        """Return the noise of a difference of two sides."""
        labels = (sides.pair.actual, sides.pair.expected)
        noisy = [
            (label, recording.dtype)
            for label, recording in zip(labels, sides.recordings, strict=True)
            if recording.dtype == sides.dtype or recording.dtype != "float64"
        ]
        return together(
            [self._scale(name, self._label(one), dtype) for one, dtype in noisy]  # type: ignore[arg-type]
        )

    def roughly(self, name: str, dtype: DType) -> Scale:
        """Return the noise of one side in a dtype, quickly."""
        key = (self.against, dtype, REPLICAS)
        replicas = REPLICAS if key in self._known else ROUGH_REPLICAS
        return self.of(self.against, dtype, replicas).scales[name]

    def _label(self, label: str) -> str:
        """Return the side that made a recording: the reference is a run of one of them."""
        return label if label in self.sides else self.against

    def _scale(self, name: str, label: str, dtype: DType) -> Scale:
        labels = [self.against] if dtype in ("float32", "float64") else [self.against, label]
        scales = [self.of(one, dtype).scales[name] for one in dict.fromkeys(labels)]
        return replace(_larger(scales), kinks=(self._open_for(label, dtype),))

    def _open_for(self, label: str, dtype: DType) -> OpenBranches:
        reference = self._jumps(self.against, dtype)
        if label == self.against or label not in self.clean:
            return reference
        return ReferenceFirst(reference, self._jumps(label, dtype))

    def _jumps(self, label: str, dtype: DType) -> SideBranches:
        key = (label, dtype)
        if key not in self._open:
            found = Jumps(self.sides[label], self.clean[label], dtype, self.names)
            self._open[key] = found
        return self._open[key]

    def of(self, label: str, dtype: DType, replicas: int = REPLICAS) -> SideNoise:
        """Return the noise of one side, or for want of its operations of another that has some."""
        key = (label, dtype, replicas)
        if key not in self._known:
            self._known[key] = self._find(label, dtype, replicas)
        return self._known[key]

    def _find(self, label: str, dtype: DType, replicas: int) -> SideNoise:
        for other in dict.fromkeys((label, self.against, *self.clean)):
            if other not in self.clean:
                continue
            side = self.sides[other]
            if runs := attempted(partial(side.noisy, dtype, replicas), ()):
                return self._pooled(other, runs, dtype)
        return self._own(label, dtype)

    def _pooled(self, label: str, runs: Sequence[Outcome], dtype: DType) -> SideNoise:
        base, *replicas = [self._tensors(run) for run in (self.clean[label], *runs)]
        unruled = dict.fromkeys(op for run in runs for op in run.unruled)
        roundings = Bfloat16Model.roundings if FORMATS[dtype].only_stores else 1
        scales = _scales(base, replicas, dtype, self.names, roundings)
        return SideNoise(scales, unruled=tuple(unruled))

    def _own(self, label: str, dtype: DType) -> SideNoise:
        """Return what the code strays from its own float64 runs at nearby points."""
        side = self.sides[label]
        base = self.reference.tensors
        replicas = []
        for near in nearby(side.inputs, dtype):
            moved = side.at(near)
            both = attempted(partial(_both, moved, dtype), None)
            if both is None:
                continue
            coarse, fine = map(self._tensors, both)
            with np.errstate(all="ignore"):
                replicas.append(
                    {
                        name: base[name] + (np.asarray(coarse[name], np.float64) - fine[name])
                        for name in self.names & coarse.keys() & fine.keys()
                    }
                )
        found = _scales(base, replicas, dtype, self.names)
        return SideNoise({n: replace(scale, own=True) for n, scale in found.items()}, own=True)

    def _tensors(self, outcome: Outcome) -> dict[str, Array]:
        return {name: array for name, array in outcome.tensors.items() if name in self.names}


def _both(side: Side, dtype: DType) -> tuple[Outcome, Outcome]:
    return side.plain(dtype), side.clean(dtype)


def nearby(inputs: Mapping[str, Array], dtype: DType, seed: int = 0) -> Iterable[dict[str, Array]]:
    """Return inputs a few units roundoff away, which the dtype holds: the same function there."""
    u, rng = FORMATS[dtype].u, np.random.default_rng([seed, POINTS])
    for _ in range(POINTS):
        yield {
            name: round_to(x * (1 + NEARBY * u * rng.standard_normal(x.shape)), dtype)
            if x.dtype.kind == "f"
            else x
            for name, x in inputs.items()
        }


def _scales(
    base: Mapping[str, Array],
    replicas: Sequence[Mapping[str, Array]],
    dtype: DType,
    names: Iterable[str],
    roundings: int = 1,
) -> dict[str, Scale]:
    found = {}
    for name in names:
        if name not in base:
            continue
        known = np.asarray(base[name], np.float64)
        rows = [np.asarray(one[name], np.float64) for one in replicas if name in one]
        rows = [row if row.shape == known.shape else known for row in rows]
        found[name] = pool(np.stack([known, *rows]), FORMATS[dtype], roundings)
    return found


def _larger(scales: Sequence[Scale]) -> Scale:
    """Return the larger noise of several sides, element by element."""
    first, *others = scales
    for other in others:
        first = replace(
            first,
            s=np.maximum(first.s, other.s),
            coherent=max(first.coherent, other.coherent),
            own=first.own or other.own,
        )
    return first
