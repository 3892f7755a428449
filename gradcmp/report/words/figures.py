"""How numbers are written: short, and never nearer to zero than they are."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence


def ulp(number: float) -> str:
    """Write a number of ULP: ``0``, ``0.5``, ``12``, ``4.2e6``; what is not zero is never 0."""
    if number == 0 or not math.isfinite(number):
        return f"{number:.0f}"
    if number < 0.01 or number >= 99_999.5:
        return narrow(f"{number:.1e}")
    return f"{number:.2g}" if number < 9.95 else f"{number:.0f}"


def short(number: float) -> str:
    """Write a difference to three digits."""
    return narrow(f"{number:.3g}")


def narrow(number: str) -> str:
    """Shorten an exponent: ``4.2e+06`` is ``4.2e6``."""
    return re.sub(r"e\+?(-?)0*(?=\d)", r"e\1", number)


def align(numbers: Sequence[str]) -> list[str]:
    """Pad numbers so that their decimal points stand below each other."""
    heads = [len(re.split(r"[.e]", number, maxsplit=1)[0]) for number in numbers]
    return [" " * (max(heads) - head) + number for head, number in zip(heads, numbers, strict=True)]


def count(number: int, noun: str) -> str:
    """Write a number of things: ``1 pair``, ``21 pairs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
