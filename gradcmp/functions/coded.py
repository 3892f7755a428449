"""A case whose body is code: each function in a worker of its framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gradcmp import inputs
from gradcmp.case import ONCE, Case, CodeSpec, Effort
from gradcmp.errors import UsageError
from gradcmp.functions.compare import compare_sides
from gradcmp.functions.question import beyond
from gradcmp.functions.remote import RemoteSide
from gradcmp.functions.saved.account import Witnessed
from gradcmp.functions.saved.keep import kept
from gradcmp.functions.sides import Make, Sides, at_one_point, run
from gradcmp.judge import CaseVerdict
from gradcmp.native.side import Side
from gradcmp.native.way import DrawnCotangents
from gradcmp.plan import CodePlan
from gradcmp.recording import Array, Outcome, Recording
from gradcmp.workers import Pool


def run_code(plan: CodePlan, pool: Pool, effort: Effort = ONCE) -> CaseVerdict:
    """Run the functions of a case that was checked, and judge them."""
    if effort.keep:
        _require_first_order(plan.case)
    plan = replace(plan, case=beyond(plan.case, plan.case.derivative))
    case, sides = plan.case, _sides(plan, pool)
    verdict = compare_sides(case, sides, plan.reference, effort)
    if not effort.keep:
        return verdict
    found = {
        label: _kept(case, label, sides.ready[label])
        for label in verdict.recordings
        if label in sides.ready
    }
    return replace(
        verdict, kept={label: one for label, one in found.items() if isinstance(one, Recording)}
    )


def record_code(plan: CodePlan, pool: Pool, twin: bool = True) -> Outcome:
    """Compute a case with the only function of its plan, to be kept."""
    _require_first_order(plan.case)
    sides = _sides(plan, pool)
    if failure := sides.failures.get(plan.only):
        return failure
    return _kept(plan.case, plan.only, sides.ready[plan.only], twin)


def _require_first_order(case: Case) -> None:
    """Refuse to keep what a later judge could not judge."""
    if case.derivative != "gradient":
        raise UsageError(
            f"case '{case.name}' has code and asks for {case.derivative}, of which no recording "
            "is kept",
            where=case.where,
            way_out="Run it, or leave out 'derivative'",
        )


def _kept(case: Case, label: str, side: Side, twin: bool = True) -> Outcome:
    """Return a recording of a function with all that a later judge needs."""
    runs = run(case, {label: side})
    if label not in runs.plain:
        return runs.failures[label]
    clean = runs.clean.get(label) if twin else None
    plain = runs.plain[label]
    cotangent = DrawnCotangents(case)
    return kept(case, Witnessed(label, side, plain, clean, case.dtype, cotangent))


def _sides(plan: CodePlan, pool: Pool) -> Sides:
    """Return the functions in their workers, at the inputs of the case."""
    case, cotangents = plan.case, DrawnCotangents(plan.case)
    pool.start(plan.environments)

    def maker(label: str, spec: CodeSpec) -> Make:
        def make(
            arrays: Mapping[str, Array], wrt: Sequence[str] | None, handed: tuple[str, ...]
        ) -> RemoteSide:
            wanted = None if wrt is None else tuple(wrt)
            return RemoteSide(
                pool, label, spec, dict(arrays), cotangents, wanted, handed, plan.stamps
            )

        return make

    makers = {label: maker(label, case.code[label]) for label in plan.backends}
    arrays = inputs.draw(case, plan.specs)
    only = plan.only or plan.reference
    if case.code[only].parameters:
        raise UsageError(
            f"'{only}' is handed parameters of the reference, and is not run without it",
            way_out="Run the case",
        )
    made_of = [label for label in makers if case.code[label].parameters and label != only]
    sides = at_one_point(case, makers, arrays, case.wrt or None, only, made_of)
    return replace(sides, taps={label: case.code[label].taps for label in makers})
