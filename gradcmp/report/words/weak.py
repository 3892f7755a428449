"""Checks that could hardly have failed: what they would have let pass, in words."""

from __future__ import annotations

from collections.abc import Mapping

from gradcmp.judge.verdict import CaseVerdict

FEW = 6  # tensors that a line names
UNNOTICED: Mapping[str, str] = {  # by mutant, with the share of the elements that let it pass
    "zero": "a gradient of zero would go unnoticed",
    "negated": "a flipped sign would go unnoticed",
    "one off": "a 0.1 % error in one element would go unnoticed in {:.0%} of the elements",
    "transposed": "a transposed gradient would go unnoticed",
    "float32": "float32 instead of float64 would go unnoticed",
    "itself": "the reference was compared with itself, by another name",
}


def passed(verdict: CaseVerdict, name: str) -> str:
    """Describe what the check of a tensor would have let pass."""
    survivors = verdict.sensitivity[name].survivors
    return "; ".join(UNNOTICED[mutant].format(share) for mutant, share in survivors.items())


def listed(verdict: CaseVerdict) -> str:
    """Name the weak checks of a case on one line, and what each would have let pass."""
    shown = [f"{name} is a weak check: {passed(verdict, name)}" for name in verdict.weak[:FEW]]
    more = len(verdict.weak) - len(shown)
    return ". ".join([*shown, *([f"And {more} more"] if more else [])])
