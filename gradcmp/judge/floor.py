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
    agree = [seen.agrees for seen in sheet.seen]
    if sheet.fine and any(agree):
        close = sheet.strip.every(is_close(*sheet.fine)).tolist()
        agree = [both == (True, True) for both in zip(agree, close, strict=True)]
    return [
        _settled(seen, sheet.facing.precision) if one else None
        for seen, one in zip(sheet.seen, agree, strict=True)
    ]


def _settled(seen: Comparison, precision: Precision) -> Comparison:
    exact = seen.verdict.reason == "exact"
    noise = _bound(seen.worst, precision) if seen.worst and not exact else None
    verdict = seen.verdict if exact else ROUNDING
    return replace(seen, rule=RULE_SETTLED, verdict=verdict, noise=noise)


def _bound(worst: Element, precision: Precision) -> Noise:
    """Give the most that a settled difference can be."""
    limits = LIMITS[REPLICAS]
    far = BOUND * worst.excess
    found = Loudness(far, far, worst.index, 0, limits)
    one = replace(worst, allowed=limits.r * precision.u * abs(worst.expected))
    return replace(noise_of(found, None, one), bound=True)
