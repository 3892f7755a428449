"""Two recordings' arrays side by side, before they are held together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from gradcmp.judge.comparison import Comparison, Reason, Verdict
from gradcmp.judge.elementwise.tolerance import EXACT
from gradcmp.recording import Array, dtype_name

CompareAll: TypeAlias = Callable[[Mapping[str, tuple[Array, Array]]], Mapping[str, Comparison]]

INTEGRAL = "iub"  # NumPy's kinds that have no gradient
COMPLEX = "c"
PARTS = "complex: index 0 of the last axis is the real part, 1 the imaginary part"


@dataclass(frozen=True)
class Side:
    """One recording's arrays of one kind: values or gradients.

    Attributes
    ----------
    dtype : str
        What the recording declares; empty for arrays that nobody declared a dtype for.
    """

    label: str
    dtype: str
    arrays: Mapping[str, Array]

    def stray_dtype(self, name: str) -> str | None:
        """Describe that a real tensor is not in the dtype that the recording declares."""
        found = self.arrays[name].dtype
        called = dtype_name(found)
        if found.kind in INTEGRAL or self.dtype in (called, ""):
            return None
        return f"{self.label} declares {self.dtype}, and this is {called}"


def refusal(name: str, sides: tuple[Side, ...]) -> Comparison | None:
    """Return why a tensor that both sides must have in their dtypes cannot be compared."""
    having = [side for side in sides if name in side.arrays]
    if len(having) < len(sides):
        return disagree("missing", f"only {having[0].label} has it" if having else "none has it")
    numbers = {side.label: side.arrays[name].dtype for side in sides}
    if len({dtype.kind == COMPLEX for dtype in numbers.values()}) > 1:
        kinds = ", and ".join(f"{label} is {dtype.name}" for label, dtype in numbers.items())
        return disagree("dtype", f"only one is complex: {kinds}")
    stray = [text for side in sides if (text := side.stray_dtype(name))]
    return disagree("dtype", "; ".join(stray)) if stray else None


def compare_required(
    names: Iterable[str], sides: tuple[Side, ...], compare: CompareAll
) -> dict[str, Comparison]:
    """Compare tensors that both sides must have; give them in the order of their names.

    Parameters
    ----------
    compare : callable
        Gives comparisons for pairs of arrays, by name.
    """
    refused = {name: refusal(name, sides) for name in names}
    asked = {
        name: tuple(side.arrays[name] for side in sides)
        for name, why in refused.items()
        if why is None
    }
    compared = compare(asked)  # type: ignore[arg-type]
    return {name: why or compared[name] for name, why in refused.items()}


def disagree(reason: Reason, detail: str) -> Comparison:
    """Return the comparison of arrays that cannot be held together."""
    return Comparison(Verdict(False, reason, detail), EXACT.text)


def told(comparisons: Mapping[str, Comparison], names: Collection[str]) -> dict[str, Comparison]:
    """Return comparisons that say which part is which, where complex numbers disagree."""

    def said(name: str, comparison: Comparison) -> Comparison:
        if name not in names or comparison.agrees:
            return comparison
        verdict = comparison.verdict
        detail = f"{verdict.detail}; {PARTS}" if verdict.detail else PARTS
        return replace(comparison, verdict=replace(verdict, detail=detail))

    return {name: said(name, comparison) for name, comparison in comparisons.items()}
