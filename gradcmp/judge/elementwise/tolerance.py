"""From a tolerance to a rule: how far apart two values may be, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from gradcmp.case import DType, Fixed, Tolerance, Ulp
from gradcmp.dtypes import FORMATS, Format

# float64 and float32: rtol is some hundred units roundoff or more, what a float32 dot product of
# 10^4 terms in random order may gather (u·√n) and what tells every wrong formula apart; float64
# keeps a wider margin because nothing that matters hides below 1e-12.
# float16 and bfloat16: frameworks accumulate sums in float32 and round once an op, so rtol is ten
# units roundoff, a chain of ten ops that all round the same way.
# atol serves values of order one that cancel: a tenth of rtol where sums are long, and one step
# of the dtype at 1 where every op rounds that coarsely.
DEFAULTS: dict[DType, Fixed] = {
    "float64": Fixed(rtol=1e-12, atol=1e-13),  # u = 1.1e-16
    "float32": Fixed(rtol=1e-5, atol=1e-6),  # u = 6.0e-8
    "float16": Fixed(rtol=5e-3, atol=1e-3),  # u = 4.9e-4
    "bfloat16": Fixed(rtol=4e-2, atol=8e-3),  # u = 3.9e-3
}


@dataclass(frozen=True)
class ElementTolerance:
    """What one comparison is held against.

    ``|actual - expected| <= atol + rtol * |expected|``, or with `ulp` set, at most so many ULP
    of `unit`.

    Attributes
    ----------
    unit : Format
        The coarser dtype of the pair: what ULP are counted in.
    text : str
        The rule in full, for the screen.
    chosen : bool
        Whether the user chose the tolerance.
    """

    unit: Format
    text: str
    chosen: bool = False
    rtol: float = 0.0
    atol: float = 0.0
    ulp: int | None = None


# For integers and booleans: nothing is allowed.
EXACT = ElementTolerance(FORMATS["float64"], "a = e")


@lru_cache
def rule_of(tolerance: Tolerance, unit: Format) -> ElementTolerance:
    """Make the rule for a pair of arrays whose coarser dtype is `unit`.

    A tolerance without numbers of its own takes them from the table of defaults.
    """
    if isinstance(tolerance, Ulp):
        text = f"at most {tolerance.ulp} ULP of {unit.name} between a and e"
        return ElementTolerance(unit, text, chosen=True, ulp=tolerance.ulp)
    chosen = isinstance(tolerance, Fixed)
    fixed = tolerance if isinstance(tolerance, Fixed) else DEFAULTS[unit.name]
    text = f"|a − e| <= {fixed.atol:g} + {fixed.rtol:g}·|e|"
    if not chosen:
        text += f" (default for {unit.name})"
    return ElementTolerance(unit, text, chosen, fixed.rtol, fixed.atol)
