"""Golden recordings: did upgrading this framework change my gradients?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradcmp.cli.cases import require_distinct
from gradcmp.cli.files import require_own
from gradcmp.errors import RecordingError, UsageError

if TYPE_CHECKING:
    from gradcmp.cli.running.session import Finish
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.plan import AnyPlan
    from gradcmp.recording import Origin, Recording

AGAIN = "Record it with --record-golden"


def keep(directory: Path, plans: Sequence[AnyPlan]) -> Finish:
    """Return what writes each backend's recording of a case; the verdict stays as it is.

    Raises
    ------
    UsageError
        Before anything runs, when two cases have one name, the directory cannot be made, or a
        stranger's link leads out of it.
    """
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
        name = verdict.case.name
        for label, recording in kept_of(by_name[name], verdict).items():
            write(golden_file(directory, name, label), recording)
        return verdict

    return finish


def against(directory: Path, plans: Sequence[AnyPlan]) -> Finish:
    """Return what holds each backend against its own golden recording.

    Raises
    ------
    RecordingError
        Before anything runs, when the golden recording of a required backend is missing, broken,
        or of another graph or other inputs; when one turns out to be missing for an optional
        backend, once that has computed something.
    """
    from gradcmp.functions.saved.judge import judge_recorded
    from gradcmp.judge.recorded.pair import judge_against_golden
    from gradcmp.recording import Failure

    by_name = named(plans)
    golden = {
        (name, label): load(directory, name, label)
        for name, plan in by_name.items()
        for label, spec in plan.backends.items()
        if spec.required
    }
    for name, plan in by_name.items():
        require_known(
            directory, plan, {label: one for (n, label), one in golden.items() if n == name}
        )

    def finish(verdict: CaseVerdict) -> CaseVerdict:
        name = verdict.case.name
        plan = by_name[name]
        now = kept_of(plan, verdict)
        shown = {
            label: now.get(label, one)
            for label, one in verdict.outcomes.items()
            if label in now or isinstance(one, Failure)
        }
        own = {label: golden.get((name, label)) or load(directory, name, label) for label in now}
        for label, one in now.items():
            if one.origin is not None:
                require_same(directory, one.origin, label, own[label])
        origin = next((one.origin for one in now.values()), None)
        if origin is None:
            return verdict  # nobody computed anything
        return judge_against_golden(origin, shown, own, judge_recorded)

    return finish


def kept_of(plan: AnyPlan, verdict: CaseVerdict) -> dict[str, Recording]:
    """Return what is kept of each backend or function that computed something."""
    from gradcmp.api import origin_of, with_provenance
    from gradcmp.plan import CodePlan

    if isinstance(plan, CodePlan):
        return dict(verdict.kept)
    arrays = plan.draw()
    return with_provenance(verdict.recordings, verdict.twins, origin_of(plan, arrays), arrays)


def named(plans: Sequence[AnyPlan]) -> dict[str, AnyPlan]:
    """Return plans by the names of their cases.

    Raises
    ------
    UsageError
        When two have one name.
    """
    require_distinct([plan.case for plan in plans])
    return {plan.case.name: plan for plan in plans}


def load(directory: Path, case: str, label: str) -> Recording:
    """Read the golden recording of one backend or function for a case.

    Raises
    ------
    RecordingError
        As `against`.
    """
    from gradcmp.recording.files import golden_file, read

    file = golden_file(directory, case, label)
    if not file.exists():
        raise RecordingError(
            f"there is no golden recording of '{label}' for case '{case}': '{file}'",
            way_out=AGAIN,
        )
    golden = read(file)
    if golden.origin is None or golden.backend != label:
        raise RecordingError(f"'{file}' is not a golden recording of '{label}'", way_out=AGAIN)
    return golden


def require_known(directory: Path, plan: AnyPlan, golden: Mapping[str, Recording]) -> None:
    """Refuse golden recordings of another graph or other inputs, before anything runs.

    What functions bring themselves is known once they have run.

    Raises
    ------
    RecordingError
    """
    from gradcmp.api import origin_of
    from gradcmp.plan import CodePlan

    if not isinstance(plan, CodePlan) and golden:
        origin = origin_of(plan, plan.draw())
        for label, one in golden.items():
            require_same(directory, origin, label, one)


def require_same(directory: Path, origin: Origin, label: str, golden: Recording) -> None:
    """Refuse a golden recording of another graph or other inputs.

    Raises
    ------
    RecordingError
    """
    from gradcmp.recording.files import golden_file

    assert golden.origin is not None
    if what := origin.difference(golden.origin):
        file = golden_file(directory, origin.case.name, label)
        raise RecordingError(f"'{file}' was recorded with {what}", way_out=AGAIN)
