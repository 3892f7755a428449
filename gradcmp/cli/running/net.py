"""The last net: no case takes the others with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcmp.case import Case, Effort
from gradcmp.errors import GradcmpError

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.plan import Plan
    from gradcmp.workers import Pool

INTERRUPTED = "the run was interrupted"


def settle(plan: Plan, pool: Pool, effort: Effort, debug: bool) -> CaseVerdict:
    """Run a case that was checked; whatever goes wrong with it is its verdict.

    Parameters
    ----------
    debug : bool
        Whether an error in gradcmp itself is wanted with its traceback: then it ends the run.
    """
    from gradcmp import api

    try:
        return api.run_plan(plan, pool, effort)
    except GradcmpError as error:  # a data file that has changed since the case was checked
        if debug:
            raise
        return unfinished(plan.case, str(error))
    except Exception as error:
        if debug:
            raise
        text = f"internal error: {type(error).__name__}: {error}. See it whole with --debug"
        return unfinished(plan.case, text)


def unfinished(case: Case, why: str = INTERRUPTED, printed: str = "") -> CaseVerdict:
    """Return the verdict on a case that could not be compared.

    Parameters
    ----------
    printed : str
        What the process that ran it wrote last.
    """
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.recording import Failure

    labels = [str(spec) for spec in case.backends]
    lost = {label: Failure(label, "error", why, printed) for label in labels}
    return CaseVerdict(case, "", lost)
