"""Golden recordings: did upgrading this framework change my gradients?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradcmp.cli.cases import require_distinct
from gradcmp.cli.files import require_own
from gradcmp.errors import RecordingError, UsageError

if TYPE_CHECKING:
    from gradcmp.cli.running.session import Finish
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.plan import Plan
    from gradcmp.recording import Origin, Recording

AGAIN = "Record it with --record-golden"


def keep(directory: Path, plans: Sequence[Plan]) -> Finish:
    """Return what writes each backend's recording of a case; the verdict stays as it is.

    Raises
    ------
    UsageError
        Before anything runs, when two cases have one name, the directory cannot be made, or a
        stranger's link leads out of it.
    """
    from gradcmp.api import origin_of, with_provenance
    from gradcmp.recording.files import golden_file, write

    by_name = named(plans)
    for name, plan in by_name.items():
        for label in plan.backends:
            require_own(golden_file(directory, name, label))
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{directory}' cannot be made: {error.strerror}") from None

    def finish(verdict: CaseVerdict) -> CaseVerdict:
        plan = by_name[verdict.case.name]
        arrays = plan.draw()
        origin = origin_of(plan, arrays)
        kept = with_provenance(verdict.recordings, verdict.twins, origin, arrays)
        for label, recording in kept.items():
            write(golden_file(directory, verdict.case.name, label), recording)
        return verdict

    return finish


def against(directory: Path, plans: Sequence[Plan]) -> Finish:
    """Return what holds each backend against its own golden recording.

    Raises
    ------
    RecordingError
        Before anything runs, when the golden recording of a required backend is missing, broken,
        or of another graph or other inputs; when one turns out to be missing for an optional
        backend, once that has computed something.
    """
    from gradcmp.api import origin_of, with_provenance
    from gradcmp.judge.recorded.pair import judge_against_golden

    by_name = named(plans)
    origins = {name: origin_of(plan, plan.draw()) for name, plan in by_name.items()}
    golden = {
        (name, label): load(directory, origins[name], label)
        for name, plan in by_name.items()
        for label, spec in plan.backends.items()
        if spec.required
    }

    def finish(verdict: CaseVerdict) -> CaseVerdict:
        name = verdict.case.name
        origin, arrays = origins[name], by_name[name].draw()
        now = with_provenance(verdict.recordings, verdict.twins, origin, arrays)
        own = {
            label: golden.get((name, label)) or load(directory, origin, label)
            for label in verdict.recordings
        }
        return judge_against_golden(origin, {**verdict.outcomes, **now}, own)

    return finish


def named(plans: Sequence[Plan]) -> dict[str, Plan]:
    """Return plans by the names of their cases.

    Raises
    ------
    UsageError
        When two have one name.
    """
    require_distinct([plan.case for plan in plans])
    return {plan.case.name: plan for plan in plans}


def load(directory: Path, origin: Origin, label: str) -> Recording:
    """Read the golden recording of one backend for the case of `origin`.

    Raises
    ------
    RecordingError
        As `against`.
    """
    from gradcmp.recording.files import golden_file, read

    file = golden_file(directory, origin.case.name, label)
    if not file.exists():
        raise RecordingError(
            f"there is no golden recording of '{label}' for case '{origin.case.name}': '{file}'",
            way_out=AGAIN,
        )
    golden = read(file)
    if golden.origin is None or golden.backend != label:
        raise RecordingError(f"'{file}' is not a golden recording of '{label}'", way_out=AGAIN)
    if what := origin.difference(golden.origin):
        raise RecordingError(f"'{file}' was recorded with {what}", way_out=AGAIN)
    return golden
