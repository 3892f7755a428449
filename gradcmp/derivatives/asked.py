"""Which derivative of a case is compared besides the gradient, and along which directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradcmp.derivatives.names import Derivative, tangent
from gradcmp.keys import EVERYWHERE, key

if TYPE_CHECKING:  # a case is read without NumPy
    from gradcmp.dtypes.arrays import Array

KEY = key(
    "What is compared besides values and gradients: jvp (J v, forward mode), hvp (H v), jacobian "
    "or hessian, the last two of small inputs alone; v is a random direction.",
    EVERYWHERE,
    is_quiet=True,
)
ALONG: frozenset[Derivative] = frozenset(("jvp", "hvp"))  # a direction
SECOND: frozenset[Derivative] = frozenset(("hvp", "hessian"))  # order
MOST = 1 << 16  # elements of all Jacobians or Hessians of a case: a Hessian of 256 numbers
COMPLEX: frozenset[str] = frozenset(("float64", "float32"))  # have complex numbers in NumPy


@dataclass(frozen=True)
class Asked:
    """What is asked of a function besides its gradient.

    Attributes
    ----------
    derivative : str
        Any but ``gradient``.
    tangents : mapping of str to array
        By input that is differentiated by, the direction v.
    """

    derivative: Derivative
    tangents: Mapping[str, Array] = field(repr=False)

    @property
    def wrt(self) -> tuple[str, ...]:
        """What is differentiated by."""
        return tuple(self.tangents)

    @property
    def given(self) -> dict[str, Array]:
        """The directions by their names on screen; none where every direction is asked for."""
        if self.derivative not in ALONG:
            return {}
        return {tangent(name): v for name, v in self.tangents.items()}


def is_stepped(derivative: Derivative, dtype: str) -> bool:
    """Whether the reference has a derivative in a dtype: all but a Jacobian take a complex step."""
    return derivative in ("gradient", "jacobian") or dtype in COMPLEX
