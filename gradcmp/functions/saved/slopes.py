"""The derivative of a recorded function, along the one direction that it was asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradcmp.case import Shape
from gradcmp.judge.diagnose.derivative import Primal
from gradcmp.judge.diagnose.slopes import Line, Truth
from gradcmp.judge.elementwise.segments import Float
from gradcmp.recording import Account


def direction(name: str, shape: Shape) -> Float:
    """Return the direction in which an input is moved: dense, of unit length, drawn for its name.

    A gradient that is wrong anywhere is wrong along it.
    """
    digest = hashlib.sha256(f"direction/{name}".encode()).digest()
    found = np.random.default_rng(int.from_bytes(digest, "big")).standard_normal(shape)
    return np.asarray(found / max(float(np.linalg.norm(found)), 1e-300))


@dataclass(frozen=True)
class RecordedPrimal(Primal):
    """The function of a recording: nobody can run it, and a few of its slopes are known.

    Attributes
    ----------
    shapes : mapping of str to shape
        Of its inputs and parameters.
    """

    account: Account
    shapes: Mapping[str, Shape]

    rounding = 0.0
    is_finite_anywhere = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs and parameters."""
        return tuple(self.shapes)

    def known(self, name: str) -> tuple[Float, Truth] | None:
        """Return a direction, and the derivative along it."""
        slope = self.account.slopes.get(name)
        if slope is None or name not in self.shapes:
            return None
        return direction(name, self.shapes[name]), Truth(slope.value, slope.error, "differences")

    def scale(self, name: str) -> float:
        """Return 1: nothing is moved."""
        return 1.0

    def unit(self, name: str, index: tuple[int, ...]) -> Float:
        """Return the direction of one element."""
        found = np.zeros(self.shapes.get(name, ()))
        found[index] = 1.0
        return found

    def everywhere(
        self,
        name: str,
        index: tuple[int, ...],
        claimed: float | None = None,
        is_strange: bool = False,
    ) -> None:
        """Return None: the derivative by one element is not in a file."""

    def along_all(self, directions: Mapping[str, Float], claimed: float | None = None) -> None:
        """Return None: other directions are not in a file."""

    def line(self, directions: Mapping[str, Float], of_all: bool = True) -> Line:
        """Return a function that is not known anywhere."""
        return lambda step: np.nan
