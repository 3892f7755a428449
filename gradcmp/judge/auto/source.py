"""Where the noise of a case comes from: all that the stages of ``auto`` have to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gradcmp.case import DType
from gradcmp.judge.auto.loudness import Limits
from gradcmp.judge.auto.overflow import Overflow
from gradcmp.judge.auto.tensors.pair import RecordingPair
from gradcmp.judge.noise.calibration import Scale
from gradcmp.recording import Array, Recording

PRECISE = "no unit, and formulas that lose no digits"


class NoiseSource(Protocol):
    """The noise of every tensor of one case: of its graph, or of somebody's code."""

    @property
    def reference(self) -> Recording:
        """The float64 reference."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""

    @property
    def names(self) -> frozenset[str]:
        """The tensors that have noise, as they are called on screen."""

    @property
    def rule(self) -> str:
        """The rule in full."""

    @property
    def units(self) -> tuple[str, ...]:
        """Coarser units that matrix products may go through."""

    @property
    def loses_digits(self) -> bool:
        """Whether something is computed by a formula that a better one tells from zero."""

    @property
    def has_branches(self) -> bool:
        """Whether something compares numbers, as far as is known: rounding may turn it around."""

    @property
    def float32_run(self) -> Mapping[str, Array]:
        """What the reference computes in float32, by tensor; empty if it cannot."""

    def limits(self, dtype: DType) -> Limits:
        """Return from where on a difference in a dtype is loud."""

    def lost_digits(self, dtype: DType) -> bool:
        """Whether such a formula lost digits here that a dtype can show."""

    def overflow(self, dtype: DType) -> Overflow | None:
        """Return what overflows in a dtype; None where that cannot be known."""

    def between(self, name: str, sides: RecordingPair, unit: str = "") -> Scale:
        """Return the noise of a difference of two sides.

        Parameters
        ----------
        unit : str
            One of `units`, or `PRECISE`, or none.
        """

    def roughly(self, name: str, dtype: DType) -> Scale:
        """Return the noise of one side in a dtype, quickly."""
