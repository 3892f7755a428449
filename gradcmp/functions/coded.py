"""A case whose body is code: each function in a worker of its framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gradcmp import inputs
from gradcmp.case import CodeSpec
from gradcmp.functions.compare import compare_sides
from gradcmp.functions.remote import RemoteSide
from gradcmp.functions.sides import Make, at_one_point
from gradcmp.judge import CaseVerdict
from gradcmp.native.way import DrawnCotangents
from gradcmp.plan import CodePlan
from gradcmp.recording import Array
from gradcmp.workers import Pool


def run_code(plan: CodePlan, pool: Pool) -> CaseVerdict:
    """Run the functions of a case that was checked, and judge them."""
    case, cotangents = plan.case, DrawnCotangents(plan.case)
    pool.start(plan.environments)

    def maker(label: str, spec: CodeSpec) -> Make:
        def make(
            arrays: Mapping[str, Array], wrt: Sequence[str] | None, handed: tuple[str, ...]
        ) -> RemoteSide:
            wanted = None if wrt is None else tuple(wrt)
            return RemoteSide(pool, label, spec, dict(arrays), cotangents, wanted, handed)

        return make

    makers = {label: maker(label, spec) for label, spec in case.code.items()}
    arrays = inputs.draw(case, plan.specs)
    made_of = [label for label, spec in case.code.items() if spec.parameters]
    sides = at_one_point(case, makers, arrays, case.wrt or None, plan.reference, made_of)
    taps = {label: spec.taps for label, spec in case.code.items()}
    return compare_sides(case, replace(sides, taps=taps), plan.reference)
