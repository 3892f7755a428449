"""One pair of arrays: how far apart they are, and what is said of it."""

from gradcmp.judge.comparison.comparison import STAYS, WARNINGS, Comparison, Reason, Verdict
from gradcmp.judge.comparison.measured import (
    NOTHING,
    SMALL,
    Element,
    Measured,
    Noise,
    Statistics,
    Unread,
)

__all__ = [
    "NOTHING",
    "SMALL",
    "STAYS",
    "WARNINGS",
    "Comparison",
    "Element",
    "Measured",
    "Noise",
    "Reason",
    "Statistics",
    "Unread",
    "Verdict",
]
