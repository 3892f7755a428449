"""Functions that are run several times: are they deterministic, and is each run right?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gradcmp.case import Case
from gradcmp.functions.recorded import recorded, shared
from gradcmp.functions.sides import run_plain
from gradcmp.judge import CaseVerdict, unsteady, with_worse
from gradcmp.native.outcome import Outcome
from gradcmp.native.side import Cotangent, Side
from gradcmp.recording import Outcome as Recorded
from gradcmp.recording import Recording


@dataclass(frozen=True)
class Repeated:
    """Functions that have run once.

    Attributes
    ----------
    first : mapping of str to Outcome
        That run, of those that could.
    against : str
        The label of the reference.
    """

    case: Case
    sides: Mapping[str, Side]
    first: Mapping[str, Outcome]
    against: str
    cotangent: Cotangent

    def outcomes(self, known: Mapping[str, Recorded]) -> dict[str, Recorded]:
        """Run each once more, and return the outcomes of all: who did not run stays as known."""
        runs = run_plain(self.case, {label: self.sides[label] for label in self.first})
        made = {
            label: recorded(label, self.sides[label], one, self.case.dtype, self.cotangent)
            for label, one in runs.items()
            if isinstance(one, Outcome)
        }
        lost = {label: one for label, one in runs.items() if not isinstance(one, Outcome)}
        return {**known, **lost, **shared(made, self.first, self.against)}

    def judged(
        self,
        verdict: CaseVerdict,
        runs: Sequence[Mapping[str, Recorded]],
        judge: Callable[[Mapping[str, Recorded]], CaseVerdict],
    ) -> CaseVerdict:
        """Return the verdict on all runs: the worst of each tensor, and what was not the same."""
        for one in runs[1:]:
            verdict = with_worse(verdict, judge(one))
        changes = {label: unsteady(self._of(label, runs)) for label in self.first}
        return replace(
            verdict, runs=len(runs), unsteady={label: one for label, one in changes.items() if one}
        )

    def _of(self, label: str, runs: Sequence[Mapping[str, Recorded]]) -> list[Recording]:
        return [one for run in runs if isinstance(one := run[label], Recording)]
