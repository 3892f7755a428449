"""Recordings in, verdicts out: pure, no I/O, no framework."""

from gradcmp.judge.case import judge
from gradcmp.judge.determinism import unsteady
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.verdict import CaseVerdict, Comparison, Element, Pair, Verdict

__all__ = [
    "CaseVerdict",
    "Comparison",
    "Element",
    "Pair",
    "Verdict",
    "compare",
    "judge",
    "unsteady",
]
