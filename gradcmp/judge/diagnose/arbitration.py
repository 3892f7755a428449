"""Who is off the truth: told by derivatives that know no pullback, never by majority."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gradcmp.judge.diagnose.derivative import Truth
from gradcmp.judge.verdict import Pair


@dataclass(frozen=True)
class Ruling:
    """Who of a pair is off.

    Attributes
    ----------
    off : tuple of str
        Labels; empty when the truth could not tell.
    why : str
        What they were held against.
    """

    off: tuple[str, ...] = ()
    why: str = ""

    @property
    def side(self) -> str | None:
        """The label that is off, both of them, or None."""
        return " and ".join(self.off) or None


def arbitrate(values: Mapping[str, float], truth: Truth | None, allowed: float) -> Ruling:
    """Describe which of two numbers is off the derivative.

    They are further apart than `allowed`, so that at least one is off by half of it.

    Parameters
    ----------
    values : mapping of str to float
        By label, the two sides at their worst element.
    truth : Truth or None
        The derivative with respect to that element.
    allowed : float
        What the two may be apart: the limit of the noise, or the allowance of the tolerance.
    """
    if truth is None:
        return Ruling((), "there is no derivative to hold them against")
    reach = allowed / 2
    distances = {label: abs(value - truth.value) for label, value in values.items()}
    if any(abs(distance - reach) <= truth.error for distance in distances.values()):
        return Ruling((), f"{truth.method} in float64 is not exact enough to tell")
    off = tuple(label for label, distance in distances.items() if not distance <= reach)
    return Ruling(off, f"held against {truth.method} in float64 at the worst element")


def arbitrate_nonfinite(values: Mapping[str, float], truth: float | None) -> Ruling:
    """Describe which of two numbers is off where one of them, or the truth, is NaN or an infinity.

    Parameters
    ----------
    values : mapping of str to float
        By label, the two sides at that element.
    truth : float or None
        Where it is finite, a side that is not is off; else a side that is another number.
    """
    if truth is None:
        return Ruling((), "there is no derivative to hold them against")
    if math.isfinite(truth):
        off = [label for label, value in values.items() if not math.isfinite(value)]
    else:
        off = [
            label
            for label, value in values.items()
            if value != truth and not (math.isnan(value) and math.isnan(truth))
        ]
    return Ruling(tuple(off), "held against float64 at the first element that is not finite")


def arbitrate_values(pair: Pair, reference: str, agrees: Mapping[str, bool]) -> Ruling:
    """Return the side whose value, not gradient, is wrong: the reference's forward pass defines it.

    Parameters
    ----------
    agrees : mapping of str to bool
        By label, whether this tensor agrees with the reference.
    """
    sides = (pair.actual, pair.expected)
    off = tuple(label for label in sides if label != reference and not agrees.get(label, True))
    return Ruling(off, "the reference's forward pass is the definition" if off else "")
