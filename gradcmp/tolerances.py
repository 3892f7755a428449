"""How a case is judged: what is close, and how much work it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from gradcmp.errors import UsageError
from gradcmp.keys import PAGE, key

FINITE = {"ge": 0, "allow_inf_nan": False}
# From where on a tolerance makes no sense, whatever is compared: |0 − e| is |e|, and 2⁵² steps of
# float64, the finest dtype, double a number. An absolute part can be as large as the numbers are,
# which nobody knows before they are there: of that the judge says that the check is weak.
BEYOND_SENSE: Mapping[str, float] = {"rtol": 1, "ulp": 2**52}
WHY: Mapping[str, str] = {
    "rtol": "From 1 on a gradient of zero would agree with any other",
    "ulp": "So many steps of float64 (2^52) double a number",
}


@dataclass(frozen=True)
class Fixed:
    """``|actual - expected| <= atol + rtol * |expected|``, for each element.

    Raises
    ------
    UsageError
        When either is negative, infinite or NaN: such a tolerance would pass or fail everything.
    """

    rtol: float = field(
        metadata=key("The relative part.", PAGE, limits={**FINITE, "lt": BEYOND_SENSE["rtol"]})
    )
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

    ulp: int = field(
        metadata=key("The number of steps.", PAGE, limits={"ge": 0, "lt": BEYOND_SENSE["ulp"]})
    )

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


def require_sense(tolerance: Tolerance) -> None:
    """Refuse a tolerance that lets everything pass: `compare` takes it, a case does not.

    Raises
    ------
    UsageError
    """
    for name, limit in BEYOND_SENSE.items():
        value = getattr(tolerance, name, 0)
        if value >= limit:
            raise UsageError(f"{name} must be less than {limit:g}", way_out=WHY[name])


NAMED: Mapping[str, Tolerance] = {"auto": Auto(), "table": DTypeTable()}  # in configs, by a word


@dataclass(frozen=True)
class Effort:
    """The work of the backends beyond one run each.

    Attributes
    ----------
    repeat : int
        How often each backend runs; its runs are compared bit by bit.
    isolate : bool
        Whether each node, or what lies between two taps of functions, is also run alone: on the
        reference's operands and cotangent.
    keep : bool
        Whether functions of the user are asked for all that a later judge needs, which
        `CaseVerdict.kept` has then.
    """

    repeat: int = 1
    isolate: bool = False
    keep: bool = False


ONCE = Effort()
