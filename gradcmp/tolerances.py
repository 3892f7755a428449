"""How far two values may be apart: the tolerances that a case can ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from gradcmp.errors import UsageError
from gradcmp.keys import PAGE, key

FINITE = {"ge": 0, "allow_inf_nan": False}


@dataclass(frozen=True)
class Fixed:
    """``|actual - expected| <= atol + rtol * |expected|``, for each element.

    Raises
    ------
    UsageError
        When either is negative, infinite or NaN: such a tolerance would pass or fail everything.
    """

    rtol: float = field(metadata=key("The relative part.", PAGE, limits=FINITE))
    atol: float = field(metadata=key("The absolute part.", PAGE, limits=FINITE))

    def __post_init__(self) -> None:
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not 0 <= value < float("inf"):
                raise UsageError(f"{name} is {value}, and must be a finite number of at least 0")


@dataclass(frozen=True)
class Ulp:
    """At most `ulp` steps of the coarser dtype from one value to the other.

    Raises
    ------
    UsageError
        When `ulp` is not an integer of at least 0.
    """

    ulp: int = field(metadata=key("The number of steps.", PAGE, limits={"ge": 0}))

    def __post_init__(self) -> None:
        if not (isinstance(self.ulp, int) and self.ulp >= 0):
            raise UsageError(f"ulp is {self.ulp}, and must be an integer of at least 0")


@dataclass(frozen=True)
class DTypeTable:
    """The table of `gradcmp.judge.elementwise.tolerance`, by the coarser dtype of the pair."""


@dataclass(frozen=True)
class Auto:
    """The noise that a correct implementation would show: `gradcmp.judge.auto.judge`."""


Tolerance: TypeAlias = Fixed | Ulp | DTypeTable | Auto

NAMED: Mapping[str, Tolerance] = {"auto": Auto(), "table": DTypeTable()}  # in configs, by a word
