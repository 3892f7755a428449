"""Points of complex numbers where the frameworks lawfully differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcmp.dtypes.arrays import Mask, of_parts
from gradcmp.ops.kinks import NO_SLOPE
from gradcmp.ops.spec import Array, Kink

ON_CUT = (
    "the two sides of the cut have different roots, and only who asks for the sign of a zero knows "
    "which is meant: https://en.cppreference.com/w/c/numeric/complex/csqrt"
)
NO_ANGLE = "0 has no angle, and so no slope: 0 is a convention, and the formula gives 0 / 0"
ZEROTH = "0 ** 0 is 1, and NaN for who takes exp(0 * log(0)), where log(0) is infinite"
DIVIDED = "the slope is infinite there, and which part is NaN depends on how it is divided"


@dataclass(frozen=True)
class ComplexKink(Kink):
    """A point of an op's first operand.

    Attributes
    ----------
    at : callable, optional
        Where an operand is at the point. None where no other answer is right, however it came
        about: a run is told of the row, and stays wrong.
    across : bool
        Whether the answer on the other side of the cut is right, too: that of an imaginary part
        with another sign. Else no number is, and a slope that is not finite is as right as one
        that is set.
    """

    at: Callable[[Array], Mask] | None = None
    across: bool = False

    def of_parts(self) -> ComplexKink:
        """Return the same of operands in parts, on a last axis of two."""
        at, met = self.at, self.met
        assert met is not None
        return replace(
            self,
            at=at and (lambda x: at(of_parts(x))),
            met=lambda x, *rest, **static: met(of_parts(x), *rest, **static),
        )


def _kink(
    name: str,
    call: str,
    z: complex,
    why: str,
    where: Callable[[Array], Mask],
    across: bool = False,
    excused: bool = True,
) -> ComplexKink:
    def met(x: Array, *_: object, **__: object) -> bool:
        return bool(np.any(where(x)))

    at = where if excused else None
    return ComplexKink(name, call, {"x": (z,)}, why, met, at, across)


def _below_cut(x: Array) -> Mask:
    found: Mask = (np.real(x) < 0) & (np.imag(x) == 0) & np.signbit(np.imag(x))
    return found


def _zero(x: Array) -> Mask:
    found: Mask = x == 0
    return found


def _zeroth(x: Array, y: Array) -> bool:
    return bool(np.any(x == 0)) and not np.any(y)


# By op: sqrt, log and power have others of real numbers.
KINKS: Mapping[str, tuple[ComplexKink, ...]] = {
    "sqrt": (
        _kink("x = -1 - 0i", "sqrt(x)", complex(-1.0, -0.0), ON_CUT, _below_cut, across=True),
        _kink("x = 0 + 0i", "sqrt(x)", 0j, NO_SLOPE, _zero),
    ),
    "log": (_kink("x = 0 + 0i", "log(x)", 0j, DIVIDED, _zero),),
    "angle": (_kink("x = 0 + 0i", "angle(x)", 0j, NO_ANGLE, _zero),),
    "power": (
        ComplexKink("x = 0 + 0i, to the power of 0", "x ** 0", {"x": (0j,)}, ZEROTH, _zeroth),
    ),
}
