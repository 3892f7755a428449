"""The arbiter of one case: whose tensor is off what the function itself says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcmp.case import DTYPES, DType
from gradcmp.dtypes import FORMATS
from gradcmp.judge.blame import Ruling
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.diagnose.arbitration import arbitrate, arbitrate_values, merged
from gradcmp.judge.diagnose.derivative import Primal
from gradcmp.judge.diagnose.directions import Known
from gradcmp.judge.diagnose.slopes import ROUNDING, Truth
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.tensor_judge import TensorJudge, TiedDirection
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Recording, dtype_name

UNKNOWN_NOISE = 1024.0  # units roundoff that count as noise where nobody knows it, beside a NaN
# Of the size of a tensor: float64 code that loses ten of its sixteen digits computes something
# else. What an unstable formula loses of float64, it would lose of float32 2^29 times over.
BEYOND_ROUNDING = 1e-6
OWN_ROUNDINGS = 16.0  # units roundoff of a number: that much is no reason to call it off
NEARBY = 1024.0  # units roundoff within which another branch may be taken


@dataclass(frozen=True)
class Question:
    """What two sides have at one element of a gradient.

    Attributes
    ----------
    values : mapping of str to float
        By label.
    allowed : float
        What the two may be apart.
    """

    name: str
    pair: Pair
    index: tuple[int, ...]
    values: Mapping[str, float]
    allowed: float

    @property
    def node(self) -> str:
        """The input or node whose gradient it is."""
        return self.name.removeprefix("d ")


@dataclass(frozen=True)
class Arbiter:
    """Compares the sides of a pair with the function that all of them differentiate.

    Attributes
    ----------
    reference : str
        The label of the float64 reference.
    """

    primal: Primal
    reference: str
    recordings: Mapping[str, Recording]
    rule: TensorJudge

    def on_value(
        self, name: str, pair: Pair, comparison: Comparison, agrees: Mapping[str, bool]
    ) -> Ruling:
        """Return the side whose value, not gradient, is wrong.

        The reference's forward pass defines it. Who was not held against it yet is now.

        Parameters
        ----------
        agrees : mapping of str to bool
            By label, whether this tensor agrees with the reference.
        """
        sides = (pair.actual, pair.expected)
        unasked = (label for label in sides if label not in (self.reference, *agrees))
        known = {**agrees, **{label: self._agrees(name, label) for label in unasked}}
        ruling = arbitrate_values(pair, self.reference, known)
        if comparison.worst is None:
            return ruling
        index = comparison.worst.index
        right = float(self._held.tensors[name][index])
        values = {label: float(self._tensor(label, name)[index]) for label in ruling.off}
        certain = self._is_certain(name, values, (right, right), self._size(name))
        return replace(ruling, index=index, certain=certain)

    def _agrees(self, name: str, label: str) -> bool:
        both = self.recordings[label].tensors[name], self._held.tensors[name]
        return self.rule.compare(Pair(label, self.reference), {name: both})[name].agrees

    def on_gradient(self, name: str, pair: Pair, comparison: Comparison) -> Ruling:
        """Return the side whose gradient is wrong at one of the elements that tell, or together.

        What no choice of a branch makes right comes first, by itself or together. A choice that is
        lawful can still be off a slope that is unique, as where two kinks cancel.
        """
        known = self.primal.known(name.removeprefix("d "))
        if known:
            return self._along(*known, name, pair)
        found = self._at_elements(name, pair, comparison, is_strict=comparison.agrees)
        if found.off or comparison.agrees:
            return found
        together = self._along_ties(name, pair)
        return together if together.off else self._at_elements(name, pair, comparison, True)

    def _along(self, direction: Float, truth: Truth, name: str, pair: Pair) -> Ruling:
        """Compare both sides with the only derivative that is known of a recorded function."""
        sides = {label: self._tensor(label, name) for label in (pair.actual, pair.expected)}
        if any(one.shape != direction.shape for one in sides.values()):
            return Ruling()
        allowed = self.rule.limit * self.rule.noise(name, pair)
        known = Known(direction, truth, sides, allowed)
        ruling = known.ruling()
        if ruling.truth is None:
            return ruling
        wrong = {label: known.slopes[label] for label in ruling.off}
        certain = self._is_certain(name, wrong, ruling.truth, known.size)
        return replace(ruling, truth=None, certain=certain)

    def _at_elements(
        self, name: str, pair: Pair, comparison: Comparison, is_strict: bool
    ) -> Ruling:
        found = Ruling()
        for index in self._telling(name, pair, comparison):
            sides = (pair.actual, pair.expected)
            values = {label: float(self._tensor(label, name)[index]) for label in sides}
            allowed = self._allowed(name, index, pair, comparison, values)
            question = Question(name, pair, index, values, allowed)
            found = merged(found, self._at(question, is_strict))
        return found

    def _telling(self, name: str, pair: Pair, comparison: Comparison) -> Iterator[tuple[int, ...]]:
        """Yield the worst element, and the first where both sides have the same NaN or infinity."""
        if comparison.worst is not None:
            yield comparison.worst.index
        actual, expected = (self._tensor(label, name) for label in (pair.actual, pair.expected))
        if actual.shape == expected.shape:
            both = np.flatnonzero(~(np.isfinite(actual) | np.isfinite(expected)))
            if both.size:
                yield tuple(map(int, np.unravel_index(both[0], actual.shape)))

    def _at(self, question: Question, is_strict: bool) -> Ruling:
        name, index, values = question.name, question.index, question.values
        claimed = float(self._held.gradients[question.node][index])
        is_strange = not np.isfinite([*values.values()]).all()
        truth = self.primal.everywhere(question.node, index, claimed, is_strange)
        ruling = self._held_against(truth, question, is_strict)
        wrong = {label: values[label] for label in ruling.off}
        if ruling.truth is None:
            return replace(ruling, index=index)
        certain = self._is_certain(name, wrong, ruling.truth, self._size(name))
        return replace(ruling, index=index, certain=certain)

    def _held_against(self, truth: Truth | None, question: Question, is_strict: bool) -> Ruling:
        """Name whom no choice of a branch makes right; strictly, who is off a unique slope, too."""
        name, index, values = question.name, question.index, question.values
        latitude = self.rule.latitude(name, question.pair) if truth else None
        if truth is None or latitude is None:
            return arbitrate(values, truth, question.allowed)
        low, high = float(latitude.low[index]), float(latitude.high[index])
        if not low < high:
            return arbitrate(values, truth, question.allowed)
        outside = arbitrate(values, truth.widened(low, high), question.allowed)
        if outside.off or truth.other is not None or not is_strict:
            return replace(outside, truth=(truth.rounded(truth.low), truth.rounded(truth.high)))
        step = min(NEARBY * FORMATS[self._coarser(name, question.pair)].u, 0.01)
        if not self.primal.keeps_slope(question.node, index, truth, step, high - low):
            # Close by the slope is another, and rounding may lead there.
            return replace(outside, truth=None)
        return arbitrate(values, truth, question.allowed)

    def _along_ties(self, name: str, pair: Pair) -> Ruling:
        """Compare both sides with the slope along which no tie is broken, which is unique."""
        node = name.removeprefix("d ")
        inputs = [f"d {one}" for one in self.primal.inputs]
        tries = [[name]] + ([inputs] if node in self.primal.inputs else [])
        for names in tries:
            found = self.rule.tied_direction(names, pair)
            if not found:
                continue
            ways = {one.removeprefix("d "): way for one, way in found.directions.items()}
            truth = self.primal.along_all(ways)
            if truth is None:
                continue
            terms = {label: self._terms(label, found) for label in (pair.actual, pair.expected)}
            slopes = {label: float(np.sum(one)) for label, one in terms.items()}
            size = max(float(np.sum(np.abs(one))) for one in terms.values())
            # The direction is itself no more exact than the fit that it comes from.
            truth = replace(truth, error=max(truth.error, ROUNDING * size))
            ruling = arbitrate(slopes, truth, found.allowed)
            if ruling.off and ruling.truth:
                wrong = {label: slopes[label] for label in ruling.off}
                certain = self._is_certain(name, wrong, ruling.truth, size)
                return replace(ruling, truth=None, certain=certain)
        return Ruling()

    def _terms(self, label: str, tied: TiedDirection) -> Float:
        """Return what each element adds to the slope along a direction, of all tensors."""
        found = [way * self._tensor(label, one) for one, way in tied.directions.items()]
        return np.concatenate([one.reshape(-1) for one in found])

    def _allowed(
        self,
        name: str,
        index: tuple[int, ...],
        pair: Pair,
        comparison: Comparison,
        values: Mapping[str, float],
    ) -> float:
        """Return what two numbers may be apart; beside a NaN no comparison says it."""
        worst = comparison.worst
        if worst and worst.index == index and np.isfinite([worst.allowed, *values.values()]).all():
            return max(worst.allowed, self._own_rounding(name, pair, values))
        noise = np.broadcast_to(self.rule.noise(name, pair), self._held.tensors[name].shape)
        allowed = self.rule.limit * float(noise[index])
        if np.isfinite(allowed):
            return allowed
        finite = [abs(value) for value in values.values() if np.isfinite(value)]
        return UNKNOWN_NOISE * FORMATS[self._coarser(name, pair)].u * max(finite, default=0.0)

    def _own_rounding(self, name: str, pair: Pair, values: Mapping[str, float]) -> float:
        """Return what rounding leaves of the numbers themselves: beside a zero the noise is none.

        It is never so much that neither of the two could be off.
        """
        u = FORMATS[self._coarser(name, pair)].u
        largest = max(map(abs, values.values()))
        return min(OWN_ROUNDINGS * u * largest, (max(values.values()) - min(values.values())) / 2)

    def _is_certain(
        self, name: str, wrong: Mapping[str, float], truth: tuple[float, float], size: float
    ) -> bool:
        """Whether a float64 side is off by more than float64 could lose of numbers of a size."""
        reach = BEYOND_ROUNDING * max(size, *map(abs, truth))
        return any(
            self._dtype(label, name) == "float64"
            and not max(truth[0] - value, value - truth[1]) <= reach
            for label, value in wrong.items()
        )

    def _size(self, name: str) -> float:
        """Return the root mean square of a tensor of the reference."""
        known = self._tensor(self.reference, name)
        known = known[np.isfinite(known)]
        return float(np.sqrt(np.mean(np.square(known)))) if known.size else 0.0

    def _dtype(self, label: str, name: str) -> DType:
        found: DType = dtype_name(self.recordings[label].tensors[name].dtype)  # type: ignore[assignment]
        return found

    def _coarser(self, name: str, pair: Pair) -> DType:
        return max(
            (self._dtype(one, name) for one in (pair.actual, pair.expected)), key=DTYPES.index
        )

    def _tensor(self, label: str, name: str) -> Float:
        return np.asarray(self.recordings[label].tensors[name], np.float64)

    @property
    def _held(self) -> Recording:
        return self.recordings[self.reference]
