"""What was found: correct pairs, live mutants, and how tight the noise is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.judging.mutants import Mutant
from gradcmp.judge import Pair

WITH, WITHOUT = "with float64", "without float64"
ALONE = "in one dtype alone"  # and with float64, which is right there
WORST_FIRST = (
    "shape", "dtype", "tolerance", "non-finite", "range", "bug", "suspect", "kink", "note",
    "precision", "rounding", "exact",
)  # fmt: skip
FAILS = frozenset(("bug", "suspect", "non-finite", "range"))
FOUND = {WITH: FAILS | {"note"}, WITHOUT: FAILS | {"note"}, ALONE: FAILS}


@dataclass(frozen=True)
class Judged:
    """One pair of correct recordings: all values and gradients held together.

    Attributes
    ----------
    verdicts : mapping of str to str
        The worst reason of all tensors, with and without the float64 run.
    passed : mapping of str to bool
        By rival.
    loudest : str
        The tensor of the largest multiple of the noise, and that multiple.
    """

    case: str
    pair: Pair
    verdicts: Mapping[str, str]
    passed: Mapping[str, bool]
    loudest: str


@dataclass(frozen=True)
class Killed:
    """One live mutant on one backend's recording, and who found it.

    Attributes
    ----------
    size : float
        The effect as a multiple of the actual rounding errors: RMS over RMS of one gradient, or
        for one wrong element against the error of that element.
    verdicts : mapping of str to str
        With and without the float64 run, and with the bug in the tested dtype alone.
    """

    case: str
    backend: str
    mutant: Mutant
    size: float
    verdicts: Mapping[str, str]
    passed: Mapping[str, bool]

    def found(self, what: str) -> bool:
        """Whether gradcmp found it."""
        return self.verdicts[what] in FOUND[what]


@dataclass
class Measured:
    """What was found so far.

    Attributes
    ----------
    tightness : list of float
        For each gradient of a correct recording the noise that is expected over the error that
        was made, in RMS over its elements.
    """

    judged: list[Judged] = field(default_factory=list)
    killed: list[Killed] = field(default_factory=list)
    tightness: list[float] = field(default_factory=list)

    def add(self, other: Measured) -> None:
        self.judged += other.judged
        self.killed += other.killed
        self.tightness += other.tightness
