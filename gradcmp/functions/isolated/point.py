"""Which taps of functions can hand on the reference's values, and what these are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from gradcmp.case import Case
from gradcmp.dtypes import DTYPES, DType
from gradcmp.functions.recorded import some
from gradcmp.functions.sides import Runs, attempt
from gradcmp.inputs import round_to
from gradcmp.native.frameworks import modes_of
from gradcmp.native.outcome import Array, Outcome, Tap, differing
from gradcmp.native.side import Side, attempted
from gradcmp.native.taps import Held
from gradcmp.recording import Failure

UNTAPPED = "it has no tap; h = gradcmp.tap('h', h) makes one"
UNTOLD = "its gradient is not tapped (gradcmp.tap('d h', dh))"
UNUSED = "what gradcmp.tap returns is not used"
PARTLY = "what gradcmp.tap returns is used only in part: what came to it is used as well"


@dataclass(frozen=True)
class Point:
    """What taps hand on: the reference's values and gradients, rounded to what all can hold.

    Attributes
    ----------
    against : str
        The label of the function that they are of.
    clean : Outcome
        Its float64 run.
    sides : mapping of str to Side
        Those whose taps can hand on something else, that one first.
    notes : mapping of str to tuple of str
        By label, what is not replaced, and why.
    """

    against: str
    clean: Outcome
    sides: Mapping[str, Side]
    values: Mapping[str, Array] = field(default_factory=dict)
    held: Held = field(default_factory=Held)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def reference(self) -> Side:
        """The function whose values they are."""
        return self.sides[self.against]


def held_at(case: Case, sides: Mapping[str, Side], runs: Runs, against: str) -> Point:
    """Return the taps that all functions share which have some, with what they hand on.

    The reference is the first that can be handed something: `against`, if it can.
    """
    notes: dict[str, tuple[str, ...]] = {}
    for label in dict.fromkeys((against, *runs.clean)):
        if label not in runs.clean:
            continue
        found = _about(case, sides, runs, label)
        if label in found.sides:
            return replace(found, notes={**notes, **found.notes})
        notes |= found.notes
    return Point(against, next(iter(runs.clean.values())), {}, notes=notes)


def _about(case: Case, sides: Mapping[str, Side], runs: Runs, against: str) -> Point:
    """Return what one function can hand to the others."""
    clean = runs.clean[against]
    taps = {name: tap for name, tap in clean.inner.items() if _is_told(tap)}
    held: dict[str, list[str]] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for label in dict.fromkeys((against, *runs.plain)):
        refused = _Refused(against, taps, runs.plain[label], sides[label])
        names = [name for name in taps if name in refused.shared]
        values, slopes = _handed(taps, names, [case.dtype])
        side = sides[label].holding(values, slopes)
        trial = attempt(label, partial(side.plain, case.dtype)) if names else runs.plain[label]
        if isinstance(trial, Failure):
            notes[label] = (f"fails where its taps hand on other values: {trial.message}",)
            continue
        plain = runs.plain[label]
        unused = [n for n in names if _is_ignored(side, n, case.dtype, trial, plain)]
        bypassed = trial.bypassed | plain.bypassed
        partly = [name for name in names if name in bypassed and name not in unused]
        if left := [name for name in names if name not in (*unused, *partly)]:
            held[label] = left
        said = [*refused.reasons(), *_of(unused, UNUSED), *_of(partly, PARTLY)]
        what = "is isolated, but not at" if left else "is not isolated:"
        notes |= {label: (f"{what} {'; '.join(said)}",)} if said else {}
    if against not in held:
        return Point(against, clean, {}, notes=notes)
    common = [name for name in held[against] if all(name in one for one in held.values())]
    if not common:
        none = ("is not isolated: no tap is shared by all functions that have some",)
        return Point(against, clean, {against: sides[against]}, notes=dict.fromkeys(held, none))
    met = [runs.plain[label].inner[name] for label in held for name in common]
    arrays = [array for tap in met for array in (tap.value, tap.gradient) if array is not None]
    values, slopes = _handed(taps, common, [case.dtype, *(one.dtype.name for one in arrays)])
    if any(sides[label].framework == "numpy" for label in held):
        # Its own backward pass reads what the tap has returned: rounded, a bug would seem to stay.
        values = {name: np.asarray(taps[name].value, np.float64) for name in common}
    ready = {label: sides[label] for label in held}
    return Point(against, clean, ready, values, slopes, notes)


def _is_told(tap: Tap) -> bool:
    """Whether it is real, and its gradient known."""
    return tap.value.dtype.kind in "fV" and tap.gradient is not None


def _handed(
    taps: Mapping[str, Tap], names: Iterable[str], dtypes: Iterable[str]
) -> tuple[dict[str, Array], Held]:
    """Return values and gradients as the coarsest of some dtypes holds them, in float64."""
    coarsest: DType = max((one for one in DTYPES if one in {*dtypes}), key=DTYPES.index)

    def held(array: Array | None) -> Array:
        return round_to(np.asarray(array, np.float64), coarsest)

    values = {name: held(taps[name].value) for name in names}
    return values, Held({name: held(taps[name].gradient) for name in values})


@dataclass(frozen=True)
class _Refused:
    """The taps of a function beside those of the reference."""

    against: str
    known: Mapping[str, Tap]
    plain: Outcome
    side: Side

    @property
    def shared(self) -> tuple[str, ...]:
        """Those that are the same in both."""
        return tuple(
            name
            for name, tap in self.plain.inner.items()
            if name in self.known and _is_told(tap) and self._is_alike(name)
        )

    def _is_alike(self, name: str) -> bool:
        return self.plain.taps[name].value.shape == self.known[name].value.shape

    def reasons(self) -> Iterator[str]:
        """Return why others are left as they are, a sentence for each reason."""
        own = {n: one for n, one in self.plain.inner.items() if one.value.dtype.kind in "fV"}
        if not own:
            seen = self.side.mode == modes_of(self.side.framework)[0]
            yield UNTAPPED if seen else f"in mode '{self.side.mode}' no tap of it is seen"
            return
        untold = [name for name, tap in own.items() if tap.gradient is None]
        by_hand = self.side.framework == "numpy"
        yield from _of(untold, UNTOLD if by_hand else "it has no gradient")
        told = [name for name in own if name not in untold]
        yield from _of([n for n in told if n not in self.known], f"no tap of '{self.against}'")
        other = [name for name in told if name in self.known and not self._is_alike(name)]
        yield from _of(other, f"another shape in '{self.against}'")
        yield from _of([name for name in self.known if name not in own], "it has no such tap")


def _of(names: list[str], why: str) -> Iterator[str]:
    if names:
        yield f"{some(names)} ({why})"


def _is_ignored(side: Side, name: str, dtype: DType, trial: Outcome, plain: Outcome) -> bool:
    """Whether a function goes on with a value of its own, whatever its tap returns.

    A framework tells it: no gradient arrives. Code that was derived by hand is asked with others,
    finite ones: it may be a loop until something is small.
    """
    if name in trial.unused and name not in plain.unused:
        return True
    if side.framework != "numpy":
        return False
    value, slope = (1.125 * one + 0.125 for one in (side.inputs[name], side.held.slopes[name]))
    slopes = {**side.held.slopes, name: slope}
    asked = (
        side.at({**side.inputs, name: value}),
        side.holding(side.held.values(side.inputs), replace(side.held, slopes=slopes)),
    )
    runs = (attempted(partial(one.plain, dtype), None) for one in asked)
    return any(one is not None and not differing(trial, one) for one in runs)
