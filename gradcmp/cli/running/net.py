"""The last net: no case takes the others with it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from gradcmp.case import Case, Effort
from gradcmp.errors import explained

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.plan import AnyPlan
    from gradcmp.recording import Outcome
    from gradcmp.workers import Pool, Requests

INTERRUPTED = "the run was interrupted"


def settle(
    plan: AnyPlan, pool: Pool, effort: Effort, debug: bool, requests: Requests | None = None
) -> CaseVerdict:
    """Run a case that was checked; whatever goes wrong with it is its verdict.

    Parameters
    ----------
    debug : bool
        Whether an error in gradcmp itself is wanted with its traceback: then it ends the run.
    requests : Requests, optional
        As `gradcmp.api.run_plan`.
    """
    from gradcmp import api

    start = time.perf_counter()
    try:
        verdict = api.run_plan(plan, pool, effort, requests)
    except Exception as error:
        if debug:
            raise
        verdict = unfinished(plan.case, said(error))
    return replace(verdict, seconds=time.perf_counter() - start)


def keep(plan: AnyPlan, pool: Pool, twin: bool, debug: bool) -> Outcome:
    """Record a case that was checked, as `gradcmp.api.record`; what goes wrong is its failure."""
    from gradcmp import api
    from gradcmp.recording import Failure

    try:
        return api.record(plan, pool, twin)
    except Exception as error:
        if debug:
            raise
        (label,) = plan.backends
        return Failure(label, "error", f"case '{plan.case.name}': {said(error)}")


def said(error: Exception) -> str:
    """Return what nobody has caught as a part of a sentence."""
    return str(explained(error)).removesuffix(".")


def unfinished(case: Case, why: str = INTERRUPTED, printed: str = "") -> CaseVerdict:
    """Return the verdict on a case that could not be compared.

    Parameters
    ----------
    printed : str
        What the process that ran it wrote last.
    """
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.recording import Failure

    labels = [str(spec) for spec in case.backends] or [*case.code] or ["the config"]
    line = "; ".join(why.splitlines())  # several faults of one case have a line each
    lost = {label: Failure(label, "error", line, printed) for label in labels}
    return CaseVerdict(case, "", lost)
