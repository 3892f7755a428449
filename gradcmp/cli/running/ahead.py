"""Cases one after the other: while one is judged, the workers compute the next."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import chain
from math import prod
from typing import TYPE_CHECKING

from gradcmp.case import Effort
from gradcmp.cli.running.net import settle

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.plan import AnyPlan
    from gradcmp.workers import Pool, Requests

ELEMENTS = 2**20  # of all tensors of a case that is computed ahead: both cases are in memory


def in_turn(
    plans: Sequence[AnyPlan], pool: Pool, effort: Effort, debug: bool
) -> Generator[CaseVerdict]:
    """Run cases that were checked, in their order, as `settle` does."""
    following = _requests(plans[0], effort) if plans else None
    for plan, after in zip(plans, [*plans[1:], None], strict=True):
        requests, following = following, _requests(after, effort)
        # Functions are asked step by step, and by the clock: nothing must run between the steps.
        pool.foresee(chain(requests, following or ()) if requests else ())
        yield settle(plan, pool, effort, debug, requests)


def _requests(plan: AnyPlan | None, effort: Effort) -> Requests | None:
    """Return what a case will ask; None where it is not to be known ahead of time."""
    from gradcmp.api import requests_of
    from gradcmp.plan import Plan

    if not isinstance(plan, Plan):
        return None
    if sum(prod(spec.shape) for spec in plan.specs.values()) > ELEMENTS:
        return None
    try:
        return requests_of(plan, plan.draw(), effort.repeat)
    except Exception:  # noqa: BLE001  it is said when the case has its turn
        return None
