"""Recordings in, verdicts out: pure, no I/O, no framework."""

from gradcmp.judge.case import judge
from gradcmp.judge.comparison import Comparison, Element, Verdict
from gradcmp.judge.determinism import unsteady, with_worse
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.verdict import CaseVerdict, Pair

__all__ = [
    "CaseVerdict",
    "Comparison",
    "Element",
    "Pair",
    "Verdict",
    "compare",
    "judge",
    "unsteady",
    "with_worse",
]
