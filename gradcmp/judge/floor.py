"""What one or two roundings explain: it is quiet whatever a calibration would say."""

from __future__ import annotations

from dataclasses import replace

from gradcmp.judge.baseline import is_close
from gradcmp.judge.decision import ROUNDING, noise_of
from gradcmp.judge.loudness import LIMITS, Loudness
from gradcmp.judge.noise import Precision
from gradcmp.judge.records import Comparison, Element, Noise
from gradcmp.judge.scales import REPLICAS
from gradcmp.judge.sheet import SETTLED, SETTLED_ETA, Sheet

BOUND = (3 * SETTLED**2 + SETTLED_ETA**2) ** 0.5  # 7.7, by Cauchy and Schwarz
RULE_SETTLED = f"auto: |a − e| <= {SETTLED:g} u·|e|, less than any noise"


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
            found[i] = _settled(seen, sheet.facing.precision)
    return found


def _settled(seen: Comparison, precision: Precision) -> Comparison:
    if seen.verdict.reason == "exact" or not seen.worst:
        return replace(seen, rule=RULE_SETTLED)
    noise = _bound(seen.worst, precision)
    return replace(seen, rule=RULE_SETTLED, verdict=ROUNDING, noise=noise)


def _bound(worst: Element, precision: Precision) -> Noise:
    """Give the most that a settled difference can be."""
    limits = LIMITS[REPLICAS]
    far = BOUND * worst.excess
    found = Loudness(far, far, worst.index, 0, limits)
    one = replace(worst, allowed=limits.r * precision.u * abs(worst.expected))
    return replace(noise_of(found, None, one), bound=True)
