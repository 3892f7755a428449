"""How numbers are written: short, never nearer to zero than they are, differences visible."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

DIGITS = {"bfloat16": 4, "float16": 5, "float64": 9}  # what is written at least, by dtype
USUAL = 8  # of float32, and of whatever else there is
MOST = 40  # digits: what needs more is not read by anybody
EXACT = 3  # digits of the difference that a subtraction shall give
PLAIN = range(-4, 8)  # decimal exponents that are written without one


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


def multiple(number: float) -> str:
    """Write a multiple of the noise to two digits."""
    return f"{number:.1f}" if number < 10 else short(float(f"{number:.2g}"))


def listed(words: Sequence[str]) -> str:
    """Write things in a row: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else [*words])


@dataclass(frozen=True)
class Number:
    """One number as it is printed.

    Attributes
    ----------
    start, end : int
        Where its digits differ from those of the first number beside it, of the first from those
        of the second; the same place twice where they do not.
    """

    text: str
    start: int = 0
    end: int = 0


def beside(values: Sequence[float], dtype: str = "") -> list[Number]:
    """Write numbers with as many digits as it takes for their differences to be right.

    Parameters
    ----------
    values : sequence of float
        Numbers of any dtype, exact in float64; differences are taken from the first.
    dtype : str, optional
        The coarsest of their dtypes, for how many digits there are at least.
    """
    finite = [value for value in values if math.isfinite(value)]
    top = max((_exponent(value) for value in finite if value), default=0)
    gaps = [abs(Decimal(value) - Decimal(finite[0])) for value in finite[1:]]
    least = min((gap.adjusted() for gap in gaps if gap), default=top)
    decimals = max(DIGITS.get(dtype, USUAL) - 1 - top, EXACT - least)
    decimals = min(decimals, MOST - 1 - top)
    shift = 0 if top in PLAIN else top
    texts = [_written(value, decimals, shift) for value in values]
    others = [*texts[1:2], *texts[:1] * len(texts)]
    return [
        Number(text, *differing(text, other)) for text, other in zip(texts, others, strict=False)
    ]


def _exponent(value: float) -> int:
    return int(f"{value:.7e}".partition("e")[2])  # of 1e-12, which is a bit less: -12


def _written(value: float, decimals: int, shift: int) -> str:
    """Write a number to so many decimals, as a multiple of a power of ten where one is meant."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    exact = Decimal(value)
    step = Decimal(1).scaleb(-decimals)
    rounded = exact.quantize(step, ROUND_HALF_EVEN, Context(prec=800))
    if value and not rounded:  # what is not zero is never written as zero
        return short(value)
    text = f"{rounded.scaleb(-shift):f}"
    if "." in text and float(f"{text}e{shift}") == value:
        text = text.rstrip("0").removesuffix(".")
    return f"{text}e{shift}" if shift and rounded else text.removeprefix("-") if not value else text


def differing(text: str, other: str) -> tuple[int, int]:
    """Return from where to where the digits of a number differ from those of another.

    Of two that differ by their sign, and in nothing else but their last digits, it is the sign.
    """
    if text == other:
        return (0, 0)
    bare, others = text.lstrip("-"), other.lstrip("-")
    alike = bare == others or _shared(bare, others) >= max(len(bare), len(others)) // 2
    if alike and (bare == text) != (others == other):
        return (0, len(text) - len(bare))
    whole = [len(re.split(r"[.e]", one, maxsplit=1)[0]) for one in (text, other)]
    body = len(text.partition("e")[0]) if re.search(r"\d", text) else len(text)
    if whole[0] != whole[1] or text.partition("e")[2] != other.partition("e")[2]:
        return (0, body)
    return (min(_shared(text, other), body), body)


def _shared(text: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    same = (at for at, (a, b) in enumerate(zip(text, other, strict=False)) if a != b)
    return next(same, min(len(text), len(other)))
