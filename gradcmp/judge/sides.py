"""Two recordings' arrays side by side, before they are held together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gradcmp.judge.records import Comparison, Reason, Verdict
from gradcmp.judge.tolerance import EXACT
from gradcmp.recording import Array, dtype_name

INTEGRAL = "iub"  # NumPy's kinds that have no gradient


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
        """Say that a real tensor is not in the dtype that the recording declares."""
        found = self.arrays[name].dtype
        called = dtype_name(found)
        if found.kind in INTEGRAL or self.dtype in (called, ""):
            return None
        return f"{self.label} declares {self.dtype}, and this is {called}"


def hold(
    name: str, sides: tuple[Side, ...], compare: Callable[[Array, Array], Comparison]
) -> Comparison:
    """Compare one tensor that both sides must have in the dtype that they declare."""
    having = [side for side in sides if name in side.arrays]
    if len(having) < len(sides):
        return disagree("missing", f"only {having[0].label} has it" if having else "none has it")
    stray = [text for side in sides if (text := side.stray_dtype(name))]
    if stray:
        return disagree("dtype", "; ".join(stray))
    actual, expected = (side.arrays[name] for side in sides)
    return compare(actual, expected)


def disagree(reason: Reason, detail: str) -> Comparison:
    """Give the comparison of arrays that cannot be held together."""
    return Comparison(Verdict(False, reason, detail), EXACT.text)
