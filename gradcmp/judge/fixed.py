"""A tolerance that the user chose, or the table by dtype, as a way to measure tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradcmp.case import Auto, DType, DTypeTable, Tolerance
from gradcmp.dtypes import FORMATS, coarser
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.elementwise.arrays import compare_named
from gradcmp.judge.elementwise.difference import allowance
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.elementwise.tolerance import rule_of
from gradcmp.judge.tensor_judge import Allowance, Exact
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Array, Recording, dtype_name

# Why tolerance auto does not judge, and what would let it: as a report says it.
TABLE = "the table by dtype judges, not auto"
NO_GRAPH = f"{TABLE}: these arrays have no graph. Record the case with gradcmp record"
TWO_GRAPHS = f"{TABLE}: the two are of different graphs or inputs"
NO_INPUTS = f"{TABLE}: no recording holds its inputs any more. Record the case again"
OF_CODE = f"{TABLE}: arrays beside a recording of a function. Record the other function, too"
NO_REFERENCE = f"{TABLE}: the float64 reference computed nothing"


def without_noise(tolerance: Tolerance) -> Tolerance:
    """Return what serves where no noise can be known: for auto the table by dtype."""
    return DTypeTable() if isinstance(tolerance, Auto) else tolerance


@dataclass(frozen=True)
class FixedJudge:
    """Judges tensors by a tolerance that does not depend on the graph."""

    tolerance: Tolerance
    recordings: Mapping[str, Recording]

    limit = 1.0  # times the allowance

    def compare(
        self, pair: Pair, tensors: Mapping[str, tuple[Array, Array]]
    ) -> dict[str, Comparison]:
        """Compare tensors of one pair."""
        return compare_named(tensors, self.tolerance)

    def noise(self, name: str, pair: Pair) -> Float:
        """Return what each element of a tensor may be off: at least half a step of the dtype."""
        arrays = [self.recordings[label].tensors[name] for label in (pair.actual, pair.expected)]
        unit = coarser(*(dtype_name(array.dtype) for array in arrays))
        expected = np.asarray(arrays[1], np.float64)
        return self._allowed(expected, unit.name)

    def allowances(self, name: str, expected: Float, dtype: DType) -> Iterator[Allowance]:
        """Return what each element of a gradient that was computed in `dtype` may be off."""
        yield Exact(self._allowed(expected, dtype))

    def latitude(self, name: str, pair: Pair) -> None:
        """Return None: of branches a tolerance knows nothing."""

    def tied_direction(self, names: Sequence[str], pair: Pair) -> None:
        """Return None: of branches a tolerance knows nothing."""

    def _allowed(self, expected: Float, dtype: DType) -> Float:
        allowed = allowance(expected, rule_of(self.tolerance, coarser(dtype, dtype)))
        floor = FORMATS[dtype].u * np.abs(expected) + FORMATS[dtype].eta
        return np.fmax(allowed, floor)
