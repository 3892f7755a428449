"""How a function is to be run, as a worker is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from gradcmp.case import Case, DType, Shape
from gradcmp.errors import RecordingError
from gradcmp.inputs import cotangent
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.side import Side

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
    """

    kind: Kind
    dtype: DType
    count: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise RecordingError(f"there is no way '{self.kind}' to run a function")

    def run(self, side: Side) -> Sequence[Outcome]:
        """Run a side this way."""
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
    """The cotangents of a case: drawn by the name of the output, wherever it is computed."""

    case: Case

    def __call__(self, output: str, shape: Shape) -> Array:
        """Return the upstream gradient of an output: random, unless it is a scalar."""
        return cotangent(self.case, tuple(shape), "" if output == "output" else output)

    def facts(self) -> dict[str, Any]:
        """Return what a worker must know to draw the same."""
        case = self.case
        return {"seed": case.seed, "cotangent": case.cotangent, "dtypes": sorted(case.dtypes)}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> DrawnCotangents:
        """Return the cotangents that `facts` describes."""
        from gradcmp.case import BackendSpec

        backends = tuple(BackendSpec("side", dtype=dtype) for dtype in facts["dtypes"])
        case = Case(
            "cotangents",
            {},
            {},
            "output",
            (),
            backends,
            seed=int(facts["seed"]),
            cotangent=facts["cotangent"],
        )
        return cls(case)


def same_shapes(one: Mapping[str, Array], other: Mapping[str, Array]) -> bool:
    """Whether two sets of inputs could be those of one traced function."""
    return one.keys() == other.keys() and all(
        np.shape(array) == np.shape(other[name]) for name, array in one.items()
    )
