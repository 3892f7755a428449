"""Recorded functions of one case, judged as a run judges: nobody computes again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcmp.case import Auto, Case, Tolerance
from gradcmp.errors import RecordingError
from gradcmp.functions.body import CodeBody, CodeInsight, CodeOutline
from gradcmp.functions.constants import forgive_constants
from gradcmp.functions.outputs import other_outputs, without
from gradcmp.functions.recorded import shared
from gradcmp.functions.saved.noise import RecordedNoise
from gradcmp.functions.saved.side import RecordedSide
from gradcmp.functions.saved.slopes import RecordedPrimal
from gradcmp.judge.asked import judge_body
from gradcmp.judge.fixed import without_noise
from gradcmp.judge.recorded.same_case import judge_saved
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.native.way import DrawnCotangents
from gradcmp.recording import Account, Failure, Origin, Recording, recover_inputs
from gradcmp.recording import Outcome as Recorded

NO_FLOAT64 = "the table by dtype judges, not auto: no recording has a float64 run"


def judge_recorded(
    origin: Origin,
    recordings: Mapping[str, Recording],
    tolerance: Tolerance,
    pairs: Sequence[Pair] = (),
) -> CaseVerdict:
    """Judge recordings of one case, of a graph as `judge_saved` does, or of functions.

    Of functions the float64 run of one is the reference, as in a run: that of the side that the
    first pair calls expected, or that the case names, or else of any that has one.

    Raises
    ------
    RecordingError
        When arrays are not those that the case is of.
    """
    if not origin.case.code:
        return judge_saved(origin, recordings, tolerance, pairs)
    for label, one in recordings.items():
        _require_own(label, one, origin)
    sides = {label: RecordedSide(one, origin) for label, one in recordings.items()}
    fine = {label: side for label, side in sides.items() if side.has_clean}
    asked = replace(origin.case, tolerance=tolerance, wrt=_wrt(origin.case, sides))
    accounts = {label: side.account for label, side in sides.items()}
    untold = tuple(_untold(sides))
    named = [pairs[0].expected] if pairs else []
    wanted = [*named, origin.case.reference, *origin.case.code, *recordings]
    against = next(label for label in wanted if label in (fine or recordings))
    failures = other_outputs({label: one.outputs for label, one in accounts.items()}, against)
    kept = shared(without(recordings, failures), without(accounts, failures), against)
    judgement = _Judgement(asked, without(sides, failures), kept, against, failures)
    judged = [pair for pair in pairs if not {pair.actual, pair.expected} & failures.keys()]
    verdict = judgement.verdict(judged) if fine else judgement.by_tolerance(judged)
    return replace(verdict, untold=untold)


def _untold(sides: Mapping[str, RecordedSide]) -> Iterator[str]:
    """Return what could not be found out while the functions were there, once for all of them."""
    found: dict[str, list[str]] = {}
    for label, side in sides.items():
        for what in side.account.unknown:
            found.setdefault(what, []).append(label)
    for what, labels in found.items():
        several = len(labels) > 1
        whose = f"recordings of {' and '.join(labels)} do" if several else (
            f"recording of {labels[0]} does"
        )  # fmt: skip
        yield f"the {whose} not tell: {what}"


def _require_own(label: str, recording: Recording, origin: Origin) -> None:
    """Refuse a recording without its account, or whose inputs are not those of its case."""
    if recording.account is None:
        raise RecordingError(f"the recording of '{label}' says nothing of its function")
    own = recording.origin or origin
    for one in (recording, recording.twin):
        try:
            if one is not None:
                recover_inputs(one, own)
        except RecordingError as error:
            error.fact = f"the recording of '{label}': {error.fact}"
            raise


def _wrt(case: Case, sides: Mapping[str, RecordedSide]) -> tuple[str, ...]:
    return case.wrt or tuple(dict.fromkeys(name for side in sides.values() for name in side.wrt))


def _outline(account: Account, values: Mapping[str, object], inputs: Sequence[str]) -> CodeOutline:
    inner = [name for name in values if name in account.taps and name not in account.outputs]
    return CodeOutline(tuple(inputs), tuple(inner), account.outputs)


def _inputs_of(side: RecordedSide) -> tuple[str, ...]:
    return tuple({**side.parameters, **side.inputs})


@dataclass(frozen=True)
class RecordedBody(CodeBody):
    """Recorded functions: all that is asked of them is in their files."""

    recordings: Mapping[str, Recording]

    def noise(self, reference: Recording) -> RecordedNoise:
        """Return the noise that they were found to have."""
        return RecordedNoise(
            self.sides,
            self.clean,
            self.against,
            reference,
            self.float32_run,
            recordings=self.recordings,
        )

    def insight(self, reference: Recording) -> CodeInsight:
        """Return the slopes that the reference was found to have."""
        side = self.sides[self.against]
        assert isinstance(side, RecordedSide)
        shapes = {n: np.shape(a) for n, a in {**side.parameters, **side.inputs}.items()}
        insight = super().insight(reference)
        return replace(insight, primal=RecordedPrimal(side.account, shapes))


@dataclass(frozen=True)
class _Judgement:
    """Recorded functions, of which one has the float64 run that the others are held against."""

    case: Case
    sides: Mapping[str, RecordedSide]
    recordings: Mapping[str, Recording]
    against: str
    failures: Mapping[str, Failure]

    def verdict(self, pairs: Sequence[Pair]) -> CaseVerdict:
        """Judge every pair, or these alone."""
        body, reference = self._body, self._reference
        twins = shared(
            {label: side.recording.twin or side.recording for label, side in self._fine.items()},
            {label: side.account for label, side in self.sides.items()},
            self.against,
        )
        base = replace(twins[self.against], backend=reference)
        outcomes: dict[str, Recorded] = {reference: base, **self.recordings, **self.failures}
        witnesses = [Pair(label, reference) for label in self.recordings if label != reference]
        case = replace(self.case, output=body.outline.outputs[0])
        judged = judge_body(
            case, body, reference, outcomes, twins, pairs or None, witnesses if pairs else ()
        )
        return forgive_constants(judged, self.sides, case.dtype)

    def by_tolerance(self, pairs: Sequence[Pair]) -> CaseVerdict:
        """Judge by a tolerance, and say so: noise is known around a float64 run alone."""
        side, asked = self.sides[self.against], self.case.tolerance
        outline = _outline(side.account, self.recordings[self.against].values, _inputs_of(side))
        body = CodeBody(outline, {}, {}, self.against, DrawnCotangents(self.case), {})
        case = replace(self.case, tolerance=without_noise(asked), output=outline.outputs[0])
        outcomes: dict[str, Recorded] = {**self.recordings, **self.failures}
        judged = judge_body(case, body, "", outcomes, {}, pairs or None)
        return replace(judged, not_auto=NO_FLOAT64 if isinstance(asked, Auto) else "")

    @property
    def _reference(self) -> str:
        recording = self.recordings[self.against]
        return self.against if recording.dtype == "float64" else f"{self.against},dtype=float64"

    @property
    def _fine(self) -> dict[str, RecordedSide]:
        return {label: side for label, side in self.sides.items() if side.has_clean}

    @property
    def _body(self) -> RecordedBody:
        side, recording = self.sides[self.against], self.recordings[self.against]
        return RecordedBody(
            _outline(side.account, recording.values, _inputs_of(side)),
            self.sides,
            {label: one.clean() for label, one in self._fine.items()},
            self.against,
            DrawnCotangents(self.case),
            recording.tensors if recording.dtype == "float32" else {},
            {label: one.recording for label, one in self._fine.items()},
        )
