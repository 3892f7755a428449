"""Two recordings of one case side by side, and one tensor of both."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gradcmp.case import DTYPES, DType
from gradcmp.dtypes import FORMATS, Format
from gradcmp.judge.auto.loudness import apart
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.bfloat16 import ANY
from gradcmp.judge.verdict import Pair
from gradcmp.once import once
from gradcmp.recording import Array, Recording

SMALL_BYTES = 4096  # of all arrays of a tensor: judging costs more than reading them
WIDTHS = (1, 2, 4, 8)  # bytes of numbers that unsigned integers hold the bits of


@dataclass(frozen=True)
class KnownBits:
    """Large arrays, numbered so that those of the same bits have the same number."""

    _arrays: list[Array] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)
    _alike: dict[Hashable, list[int]] = field(default_factory=dict)

    def number(self, array: Array) -> int:
        """Return the number of an array."""
        if id(array) not in self._numbers:
            self._numbers[id(array)] = self._found(array)
            self._arrays.append(array)  # keeps it, and so its id
        return self._numbers[id(array)]

    def _found(self, array: Array) -> int:
        bits = array.view(f"u{array.itemsize}") if array.itemsize in WIDTHS else None
        if bits is None or not bits.size:
            return len(self._arrays)
        first = bits[(0,) * bits.ndim]
        alike = self._alike.setdefault((array.dtype, array.shape, first), [])
        for number in alike:
            if np.array_equal(self._arrays[number].view(bits.dtype), bits):
                return self._numbers[id(self._arrays[number])]
        alike.append(len(self._arrays))
        return len(self._arrays)


@dataclass(frozen=True)
class TensorPair:
    """One tensor of a pair.

    Attributes
    ----------
    values : pair of array
        Actual and expected.
    float64 : pair of array, optional
        Both computed in float64; None where that is what they are, or where one is not known.
    """

    name: str
    values: tuple[Array, Array]
    float64: tuple[Array, Array] | None

    def bits(self, known: KnownBits) -> Hashable:
        """Return what tells it from others of its name by their numbers."""
        arrays = (*self.values, *(self.float64 or ()))
        if sum(array.nbytes for array in arrays) > SMALL_BYTES:
            return tuple(known.number(array) for array in arrays)
        return tuple((a.dtype, a.shape, a.tobytes()) for a in arrays)

    @once
    def unmatched(self) -> npt.NDArray[np.bool_]:
        """Where one side alone is NaN or infinite."""
        return ~np.isfinite(apart(*(np.asarray(array, np.float64) for array in self.values)))

    def without_unmatched(self) -> TensorPair:
        """Return the pair with zeros for those elements on all sides, so that the others count."""

        def rest(both: tuple[Array, Array]) -> tuple[Array, Array]:
            actual, expected = (
                np.where(self.unmatched, array.dtype.type(0), array) for array in both
            )
            return actual, expected

        return TensorPair(self.name, rest(self.values), self.float64 and rest(self.float64))


@dataclass(frozen=True)
class RecordingPair:
    """Two recordings of one case.

    Attributes
    ----------
    recordings : pair of Recording
        Actual and expected.
    twins : mapping of str to Recording
        Recordings of the same backends in float64, by label.
    reference : str
        The label of the float64 reference.
    """

    pair: Pair
    recordings: tuple[Recording, Recording]
    twins: Mapping[str, Recording]
    reference: str

    @once
    def dtype(self) -> DType:
        """The coarser of the two dtypes."""
        dtypes = (side.dtype for side in self.recordings)
        found: DType = max(dtypes, key=DTYPES.index)  # type: ignore[arg-type]
        return found

    @property
    def precision(self) -> Format:
        """The rounding of the coarser dtype."""
        return FORMATS[self.dtype]

    @once
    def same_backend(self) -> bool:
        """Whether both sides are one backend: recordings of it from two times.

        The reference counts as another, whoever computed it.
        """
        one, other = (side.backend for side in self.recordings)
        return one == other and not self.expected_is_reference

    @once
    def expected_is_reference(self) -> bool:
        """Whether the expected side is the reference: then only the other's branches are free."""
        return self.pair.expected == self.reference

    @once
    def noisy_dtypes(self) -> tuple[DType, ...]:
        """The dtypes whose noise both have; beside a coarser one, float64 has none to speak of."""
        return tuple(side.dtype for side in self._noisy)  # type: ignore[misc]

    @once
    def sums(self) -> tuple[frozenset[str], ...]:
        """What each of the `noisy_dtypes` may add up in bfloat16 itself: its noise is by that."""
        known = (side.coarse_sums for side in self._noisy)
        return tuple(ANY if sums is None else sums for sums in known)

    @once
    def _noisy(self) -> tuple[Recording, ...]:
        return tuple(s for s in self.recordings if s.dtype == self.dtype or s.dtype != "float64")

    @property
    def tested(self) -> Iterator[tuple[str, Recording]]:
        """The sides that are not in float64, by their labels."""
        labels = (self.pair.actual, self.pair.expected)
        for label, recording in zip(labels, self.recordings, strict=True):
            if recording.dtype != "float64":
                yield label, recording

    def strayed(self, label: str, name: str) -> Float | None:
        """Return how far a tensor of one side is from that side's own float64 run."""
        labels = (self.pair.actual, self.pair.expected)
        twin = self.twins.get(label)
        fine = twin.tensors.get(name) if twin else None
        coarse = self.recordings[labels.index(label)].tensors[name]
        if fine is None or fine.shape != coarse.shape:
            return None
        return apart(np.asarray(coarse, np.float64), np.asarray(fine, np.float64))

    def match(self, name: str, actual: Array, expected: Array) -> TensorPair:
        """Put the float64 runs of a tensor beside it."""
        found = [side.tensors[name] for side in self._float64 if name in side.tensors]
        shapes = {array.shape for array in (actual, expected, *found)}
        whole = len(found) == len(self.recordings) and len(shapes) == 1
        return TensorPair(name, (actual, expected), (found[0], found[1]) if whole else None)

    @once
    def _float64(self) -> tuple[Recording, ...]:
        """Both sides in float64, as far as known; none where that is what they are already."""
        if self.dtype == "float64":
            return ()
        labels = (self.pair.actual, self.pair.expected)
        sides = (
            side if side.dtype == "float64" else self.twins.get(label)
            for label, side in zip(labels, self.recordings, strict=True)
        )
        return tuple(side for side in sides if side)
