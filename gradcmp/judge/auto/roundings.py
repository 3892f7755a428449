"""What one or two roundings explain: it is quiet whatever a calibration would say."""

from __future__ import annotations

from dataclasses import replace

from gradcmp.judge.auto.baseline import is_close
from gradcmp.judge.auto.batch import Sheet
from gradcmp.judge.auto.decision import ROUNDING, noise_of
from gradcmp.judge.auto.floor import FLOORS, Floor
from gradcmp.judge.auto.loudness import Loudness
from gradcmp.judge.comparison import Comparison, Element, Noise


def within_floor(sheet: Sheet) -> list[Comparison | None]:
    """Settle what agrees under the floor, and is as close in float64, if that is known."""
    found: list[Comparison | None] = [None] * len(sheet.tensors)
    if not any(sheet.agree):
        return found
    close = sheet.strip.every(is_close(*sheet.left)).tolist() if sheet.left else sheet.agree
    for i in (i for i, agrees in enumerate(sheet.agree) if agrees):
        seen = sheet.seen(i)
        if seen.verdict.reason == "non-finite":  # nothing is finite, and the same on both sides
            found[i] = seen
        elif close[i]:
            found[i] = _settled(seen, FLOORS[sheet.facing.dtype])
    return found


def _settled(seen: Comparison, floor: Floor) -> Comparison:
    if seen.verdict.reason == "exact" or not seen.worst:
        return replace(seen, rule=floor.rule)
    noise = _bound(seen.worst, floor)
    return replace(seen, rule=floor.rule, verdict=ROUNDING, noise=noise)


def _bound(worst: Element, floor: Floor) -> Noise:
    """Return the most that a settled difference can be."""
    far = floor.most * worst.excess
    found = Loudness(far, far, worst.index, 0, floor.limits)
    one = replace(worst, allowed=floor.limits.r * floor.u * abs(worst.expected))
    return replace(noise_of(found, None, one), bound=True)
