"""How a function is to be run, as a worker is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

from gradcmp.case import DTYPES, Case, DType, Shape
from gradcmp.errors import BackendError, RecordingError
from gradcmp.inputs import SYMMETRIC, cotangent, round_to, symmetric_inputs
from gradcmp.native.frameworks import FRAMEWORKS
from gradcmp.native.layouts.layout import CONTIGUOUS, Layout
from gradcmp.native.layouts.numbers import equalized
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.side import Side, WithLayouts

Kind: TypeAlias = Literal["plain", "clean", "noisy", "ways", "constants"]


@dataclass(frozen=True)
class Way:
    """One way to run a function.

    Attributes
    ----------
    kind : str
        The method of `Side`.
    count : int
        How many replicas or rows; of no account for a single run.
    layout : Layout
        In which inputs and cotangents are handed over.
    """

    kind: Kind
    dtype: DType
    count: int = 1
    seed: int = 0
    layout: Layout = CONTIGUOUS

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise RecordingError(f"there is no way '{self.kind}' to run a function")

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Way:
        """Return what `facts` tells of."""
        return cls(**{**facts, "layout": Layout.of(facts["layout"])})

    @property
    def facts(self) -> dict[str, Any]:
        """It, as a worker is told."""
        return asdict(self)

    def run(self, side: Side) -> Sequence[Outcome]:
        """Run a side this way.

        Raises
        ------
        BackendError
            When its framework does not have the layout.
        """
        if self.layout != CONTIGUOUS:
            if not FRAMEWORKS[side.framework].has_layouts:
                raise BackendError("arrays of this framework have no layouts to choose")
            laid = cast(WithLayouts, side)
            side = laid.laid(self.layout, laid.cotangents)
        if self.kind == "plain":
            return [side.plain(self.dtype)]
        if self.kind == "clean":
            return [side.clean(self.dtype)]
        if self.kind == "constants":
            return side.constants(self.count, self.seed)
        many = side.noisy if self.kind == "noisy" else side.ways
        return many(self.dtype, self.count, self.seed)


@dataclass(frozen=True)
class DrawnCotangents:
    """The cotangents of a case: drawn by the name of the output, wherever it is computed.

    Attributes
    ----------
    equal : mapping of str to int or None
        By output, the axis along which its numbers are the same, or None for all axes.
    zero : frozenset of str
        Outputs whose cotangent is zero.
    moved : tuple of int and float
        Cotangents nearby: which ones, and by how much of each number they are off; 0 by none.
    """

    case: Case
    equal: Mapping[str, int | None] = field(default_factory=dict)
    zero: frozenset[str] = frozenset()
    moved: tuple[int, float] = (0, 0.0)
    _drawn: dict[tuple[str, Shape], Array] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, output: str, shape: Shape) -> Array:
        """Return the upstream gradient of an output: random, unless it is a scalar.

        It is the caller's own: a backward pass may write into it.
        """
        key = (output, tuple(shape))
        if key not in self._drawn:
            name = "" if output == "output" else output
            self._drawn[key] = self._moved(cotangent(self.case, key[1], name))
        drawn = self._drawn[key].copy()
        if output in self.zero:
            return np.zeros_like(drawn)
        return equalized(drawn, self.equal[output]) if output in self.equal else drawn

    def _moved(self, drawn: Array) -> Array:
        seed, by = self.moved
        if not by:
            return drawn
        near = drawn * (1 + by * np.random.default_rng(seed).standard_normal(drawn.shape))
        return round_to(near, max(self.case.dtypes, key=DTYPES.index))

    def facts(self) -> dict[str, Any]:
        """Return what a worker must know to draw the same."""
        case = self.case
        return {
            "seed": case.seed,
            "cotangent": case.cotangent,
            "derivative": case.derivative,
            "symmetric": symmetric_inputs(case),
            "dtypes": sorted(case.dtypes),
            "equal": dict(self.equal),
            "zero": sorted(self.zero),
            "moved": [*self.moved],
        }

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> DrawnCotangents:
        """Return the cotangents that `facts` describes."""
        from gradcmp.case import BackendSpec, InputSpec

        backends = tuple(BackendSpec("side", dtype=dtype) for dtype in facts["dtypes"])
        case = Case(
            "cotangents",
            {name: InputSpec("values", None, {SYMMETRIC: True}) for name in facts["symmetric"]},
            {},
            "output",
            (),
            backends,
            seed=int(facts["seed"]),
            cotangent=facts["cotangent"],
            derivative=facts["derivative"],
        )
        seed, by = facts["moved"]
        return cls(case, dict(facts["equal"]), frozenset(facts["zero"]), (int(seed), float(by)))


def same_shapes(one: Mapping[str, Array], other: Mapping[str, Array]) -> bool:
    """Whether two sets of inputs could be those of one traced function."""
    return one.keys() == other.keys() and all(
        np.shape(array) == np.shape(other[name]) for name, array in one.items()
    )
