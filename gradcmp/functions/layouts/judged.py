"""A function in one layout of its arguments, judged against itself with contiguous ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from gradcmp.case import Case, DType, Fixed
from gradcmp.functions.again.nudged import own_noise_of
from gradcmp.functions.judged.casts import Casts
from gradcmp.functions.layouts.right import right_all_the_same
from gradcmp.functions.noise import CodeNoise
from gradcmp.functions.recorded import recorded
from gradcmp.functions.sides import attempt
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.auto.noise_floor import FLOORS
from gradcmp.judge.auto.reference_error import BASELINE_DTYPE, WITHIN, ReferenceError
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.determinism import same_bits
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.sides import Side, compare_required, disagree
from gradcmp.judge.verdict import CaseVerdict, Pair, WrongLayout
from gradcmp.native.layouts.layout import CONTIGUOUS
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.side import Side as Native
from gradcmp.native.side import WithLayouts
from gradcmp.native.way import DrawnCotangents
from gradcmp.recording import Failure, Recording
from gradcmp.recording import Outcome as Recorded

OVERWRITTEN = "the backward pass writes into the cotangent that it is given, which others read"
NOT_ZERO = "the gradient is linear in the cotangent, and that is zero"


@dataclass(frozen=True)
class Base:
    """A function on numbers that are all contiguous: what a layout is held against.

    Attributes
    ----------
    plain : Outcome
        What it makes of them.
    """

    label: str
    dtype: DType
    side: WithLayouts
    cotangents: DrawnCotangents
    plain: Outcome

    @property
    def rounds_to(self) -> DType:
        """The dtype that its results are held in and judged as."""
        return self.dtype if self.dtype == "float64" else self.side.autocast or self.dtype

    @cached_property
    def clean(self) -> Outcome | Failure:
        """The same in float64."""
        side = self.side.laid(CONTIGUOUS, self.cotangents)
        return attempt(self.label, partial(side.clean, self.dtype))

    @cached_property
    def noise(self) -> CodeNoise:
        """Its noise: the layouts of one function round as it does."""
        clean = self.clean
        assert isinstance(clean, Outcome)
        side = self.side.laid(CONTIGUOUS, self.cotangents)
        reference = recorded(self.label, side, clean, "float64", self.cotangents)
        plain = recorded(self.label, side, self.plain, self.dtype, self.cotangents).tensors
        run = plain if self.rounds_to == "float32" else {}
        return CodeNoise({self.label: side}, {self.label: clean}, self.label, reference, run)

    @cached_property
    def error(self) -> ReferenceError:
        """Its own rounding error, in float32."""
        return ReferenceError(self.noise)


@dataclass(frozen=True)
class Question:
    """What is to be judged: a function in a layout, against the same with all contiguous.

    Attributes
    ----------
    name : str
        What it is called in the layout.
    laid : Side
        It in the layout.
    """

    case: Case
    name: str
    laid: Native
    base: Base

    @property
    def label(self) -> str:
        """What it is called without the layout."""
        return self.base.label

    @property
    def pair(self) -> Pair:
        """The layout, and what it is held against."""
        return Pair(self.name, self.label)

    def recorded(self, label: str, outcome: Outcome, dtype: DType | None = None) -> Recording:
        """Return the recording of a run."""
        base = self.base
        return recorded(label, base.side, outcome, dtype or base.dtype, base.cotangents)

    def verdict(self, laid: Recorded, comparisons: Mapping[str, Comparison]) -> CaseVerdict:
        """Return the verdict by comparisons alone."""
        case = replace(self.case, name=f"{self.case.name}/{self.name}", wrt=self.base.side.wrt)
        outcomes = {self.label: self.recorded(self.label, self.base.plain), self.name: laid}
        compared = {self.pair: comparisons} if comparisons else {}
        return CaseVerdict(case, self.label, outcomes, compared)


def results(outcome: Outcome) -> dict[str, Array]:
    """Return outputs and gradients by their names on screen."""
    gradients = {f"d {name}": array for name, array in outcome.gradients.items()}
    return {**outcome.outputs, **gradients}


def is_finite(outcome: Outcome) -> bool:
    """Whether outputs and gradients are finite numbers throughout."""
    arrays = (array.astype(np.float64) for array in results(outcome).values())
    return all(bool(np.isfinite(array).all()) for array in arrays)


def close(asked: Question, found: Outcome) -> bool:
    """Whether nothing is more than a few roundings off, which needs no judge."""
    few = FLOORS[asked.base.rounds_to].allowed
    mine, theirs = results(found), results(asked.base.plain)
    return mine.keys() == theirs.keys() and all(
        same_bits(mine[name], array) or compare(mine[name], array, few).agrees
        for name, array in theirs.items()
    )


def same_gradients(one: Outcome, other: Outcome) -> bool:
    """Whether two runs gave the same gradients, to a few digits."""
    return all(
        np.allclose(array.astype(np.float64), other.gradients[name].astype(np.float64), 1e-2)
        for name, array in one.gradients.items()
    )


def overwritten(base: Base, case: Case, name: str, cotangents: Iterable[str]) -> WrongLayout:
    """Return that a backward pass writes into what it is given."""
    asked = Question(case, name, base.side, base)
    wrong = {one: disagree("bug", OVERWRITTEN) for one in sorted(cotangents)}
    return WrongLayout(asked.verdict(asked.recorded(name, base.plain), wrong))


def failed(asked: Question, failure: Failure) -> WrongLayout:
    """Return that a function fails in a layout, and not without it."""
    return WrongLayout(asked.verdict(failure, {}))


def zeros(asked: Question, found: Outcome) -> WrongLayout | None:
    """Judge gradients for a cotangent of zeros; what is infinite for another one may be NaN."""
    usual = asked.base.plain.gradients
    wrong = {
        f"d {name}": replace(one, verdict=Verdict(False, "bug", NOT_ZERO))
        for name, array in found.gradients.items()
        if not (one := _against_zero(array, usual[name])).agrees and array.size
    }
    if not wrong:
        return None
    nothing = {name: np.zeros_like(array) for name, array in usual.items()}
    base = replace(asked.base, plain=replace(asked.base.plain, gradients=nothing))
    asked = replace(asked, base=base)
    return WrongLayout(asked.verdict(asked.recorded(asked.name, found), wrong))


def _against_zero(gradient: Array, usual: Array) -> Comparison:
    expected = np.zeros_like(gradient)
    if gradient.shape != usual.shape:
        return compare(gradient, expected[..., None], Fixed(0.0, 0.0))
    finite = np.isfinite(usual.astype(np.float64))
    return compare(np.where(finite, gradient, expected), expected, Fixed(0.0, 0.0))


def judged(asked: Question, found: Outcome) -> WrongLayout | None:
    """Judge a function in a layout by its own noise, as one that is to compute the same."""
    usual = asked.base.clean
    if isinstance(usual, Outcome) and _within_own_error(asked, found):
        return None
    fine = attempt(asked.name, partial(asked.laid.clean, asked.case.dtype))
    if isinstance(usual, Failure) or isinstance(fine, Failure):
        compared = _by_table(found, asked.base.plain)
    else:
        compared = _by_noise(asked, found, fine, usual)
    wrong = {name: one for name, one in compared.items() if not one.agrees}
    if not wrong:
        return None
    verdict = asked.verdict(asked.recorded(asked.name, found), compared)
    right = right_all_the_same(results(found), results(asked.base.plain), [*wrong])
    return WrongLayout(verdict, right)


def _within_own_error(asked: Question, found: Outcome) -> bool:
    """Whether all is as near as the function's own float32 run is to its float64 run.

    So near, nothing that a float64 run of the layout could say would make it fail.
    """
    if asked.base.rounds_to != BASELINE_DTYPE:
        return False
    error, mine = asked.base.error, results(found)
    for name, array in results(asked.base.plain).items():
        if same_bits(mine[name], array):
            continue
        scale = error.scale(name) if name in asked.base.noise.names else None
        if scale is None or scale.shape != mine[name].shape:
            return False
        far = np.abs(mine[name].astype(np.float64) - array)
        if not np.all((far <= WITHIN * scale) | (mine[name] == array)):
            return False
    return True


def _by_noise(
    asked: Question, found: Outcome, fine: Outcome, usual: Outcome
) -> dict[str, Comparison]:
    """Compare by the noise of the function, and by what nudged inputs tell where that is asked."""
    base, label, dtype = asked.base, asked.label, asked.case.dtype
    laid, plain = asked.recorded(asked.name, found), asked.recorded(label, base.plain)
    twins = {
        asked.name: asked.recorded(asked.name, fine, "float64"),
        label: asked.recorded(label, usual, "float64"),
    }
    unearned: dict[str, set[str]] = {}
    compared = _compared(asked, {asked.name: laid, label: plain}, twins, unearned)
    if unearned:
        sides = {asked.name: asked.laid, label: base.side}
        made = {asked.name: laid, label: plain}
        own = own_noise_of(sides, made, twins, unearned, dtype, base.cotangents)
        noted = {name: replace(one, own_noise=own.get(name, {})) for name, one in made.items()}
        compared = _compared(asked, noted, twins, {})
    if dtype == "float64" and usual.dropped_casts:
        casts = Casts(base.noise, {asked.name: laid, label: plain}, twins)
        compared = casts.forgiven(asked.pair, compared, _compared(asked, twins, {}, {}))
    return compared


def _compared(
    asked: Question,
    recordings: Mapping[str, Recording],
    twins: Mapping[str, Recording],
    unearned: dict[str, set[str]],
) -> dict[str, Comparison]:
    reference = f"{asked.label} in float64"
    known = {reference: asked.base.noise.reference, **recordings}
    rule = NoiseJudge(asked.base.noise, reference, known, twins, unearned)
    sides = tuple(Side(n, one.dtype, one.tensors) for n, one in recordings.items())
    with np.errstate(all="ignore"):
        return compare_required(results(asked.base.plain), sides, partial(rule.compare, asked.pair))


def _by_table(found: Outcome, plain: Outcome) -> dict[str, Comparison]:
    """Compare by the table of tolerances, where there is no float64 run to know the noise by."""
    mine, theirs = results(found), results(plain)
    return {name: compare(mine[name], array) for name, array in theirs.items() if name in mine}
