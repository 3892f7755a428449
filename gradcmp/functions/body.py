"""Somebody's functions, as the judge asks for them: a `Body` without a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gradcmp.dtypes.arrays import Mask
from gradcmp.functions.noise import CodeNoise
from gradcmp.functions.primal import CodePrimal
from gradcmp.judge.diagnose.derivative import Primal
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.side import Cotangent, Side
from gradcmp.recording import Recording


@dataclass(frozen=True)
class CodeOutline:
    """What is known to be made from what: each tap and output from all that came before it."""

    inputs: tuple[str, ...]
    taps: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def whole(self) -> frozenset[str]:
        """Nothing: functions are of real numbers."""
        return frozenset()

    @cached_property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """By tap and output, in the order of the forward pass, what may have gone into it."""
        found: dict[str, tuple[str, ...]] = {}
        for name in self.taps:
            found[name] = (*self.inputs, *found)
        before = (*self.inputs, *found)
        return found | dict.fromkeys(self.outputs, before)


@dataclass(frozen=True)
class CodeInsight:
    """What a function tells besides its values and gradients: its derivatives."""

    primal: Primal
    output: float | None = None

    @property
    def terms(self) -> dict[str, dict[str, Array]]:
        """Nothing: who uses a tensor is not known."""
        return {}

    @property
    def lowered(self) -> dict[str, dict[str, Array]]:
        """Nothing: it is not computed in another way."""
        return {}

    @property
    def rewritten(self) -> dict[str, dict[str, Array]]:
        """Nothing: its formula is not known."""
        return {}


@dataclass(frozen=True)
class CodeBody:
    """Functions that are to compute the same, one of them the reference.

    Attributes
    ----------
    sides : mapping of str to Side
        By label.
    clean : mapping of str to Outcome
        Their float64 runs.
    against : str
        The label of the side whose float64 run is the reference.
    """

    outline: CodeOutline
    sides: Mapping[str, Side]
    clean: Mapping[str, Outcome]
    against: str
    cotangent: Cotangent
    float32_run: Mapping[str, Array]
    _sources: list[CodeNoise] = field(default_factory=list, init=False, repr=False)

    @property
    def optional(self) -> frozenset[str]:
        """The taps: a function without them is as good."""
        return frozenset(self.outline.taps)

    def noise(self, reference: Recording) -> CodeNoise:
        """Return the noise of their operations, measured once for all judgements."""
        known = next((one for one in self._sources if one.reference is reference), None)
        if known is None:
            known = CodeNoise(self.sides, self.clean, self.against, reference, self.float32_run)
            self._sources.append(known)
        return known

    def insight(self, reference: Recording) -> CodeInsight:
        """Return the derivatives of the reference's own forward pass."""
        clean = self.clean[self.against]
        scalars = [array for array in clean.outputs.values() if not array.shape]
        output = float(scalars[0]) if len(clean.outputs) == 1 and scalars else None
        return CodeInsight(CodePrimal(self.sides[self.against], clean, self.cotangent), output)

    def conventions(self, reference: Recording) -> dict[str, Mask]:
        """Return nothing: what code makes of a NaN input is not known."""
        return {}
