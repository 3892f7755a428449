"""Each layout of a function's inputs and cotangents, held against contiguous ones.

A layout may not change the mathematics, so that a function needs no other one to be measured by.
It may change the order of a sum, or the branch at a tie: what is more than a few roundings off is
judged like two functions that are to compute the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from time import perf_counter
from typing import cast

from gradcmp.case import Case, Shape
from gradcmp.functions.layouts.judged import (
    Base,
    Question,
    close,
    failed,
    is_finite,
    judged,
    overwritten,
    same_gradients,
    zeros,
)
from gradcmp.functions.layouts.variants import covered, shapes_of, variants
from gradcmp.functions.sides import Runs, attempt
from gradcmp.judge.verdict import Layouts, WrongLayout
from gradcmp.native.frameworks import FRAMEWORKS
from gradcmp.native.layouts.layout import CONTIGUOUS, IN_MEMORY, Layout
from gradcmp.native.layouts.numbers import equalized
from gradcmp.native.outcome import Outcome
from gradcmp.native.side import Side, WithLayouts
from gradcmp.native.way import DrawnCotangents
from gradcmp.recording import Failure

LEAST = 3.0  # seconds for the layouts of a function that hardly takes any time

NO_TIME = "it would take longer than the runs before it"
NO_STRIDES = "arrays of its framework have no strides"
DRAWS = "the function draws random numbers, in the order of an input's memory"
NOT_FINITE = "of numbers that are so equal it is not finite"
CHANGES = "the function changes its inputs in place"
SHARED = "a cotangent that others read, too"
# What a run that fails says, where that is not the function's fault.
LAWFUL = {
    "OutOfMemory": "there is not enough memory",
    "MemoryError": "there is not enough memory",
    "donated buffer": "what torch.compile makes can be differentiated only once",
}


def layouts_of(case: Case, sides: Mapping[str, Side], runs: Runs) -> dict[str, Layouts]:
    """Run each function in the layouts that there is time for, and say how it fares.

    With ``layouts: auto`` they may take as long as the function's plain and float64 runs did,
    and `LEAST` seconds in any case. The likeliest to be wrong come first, and the first of them is
    always run; what is left out is named.
    """
    found = {}
    for label, plain in runs.plain.items():
        side = sides[label]
        if case.layouts == "off" or not side.wrt:
            continue
        if FRAMEWORKS[side.framework].has_layouts:
            check = _Check(case, label, cast(WithLayouts, side), plain)
            found[label] = check.all(runs.seconds.get(label, 0.0))
        elif case.layouts == "all":
            found[label] = Layouts(left_out={"all": NO_STRIDES})
    return found


@dataclass
class _Check:
    """The layouts of one function.

    Attributes
    ----------
    plain : Outcome
        Its run with contiguous arrays.
    """

    case: Case
    label: str
    side: WithLayouts
    plain: Outcome
    _last: float = field(default=0.0, init=False)
    _spent: float = field(default=0.0, init=False)

    def all(self, seconds: float) -> Layouts:
        """Run as many layouts as there is time for; all of them if the case says so.

        Parameters
        ----------
        seconds : float
            How long the runs took that were made anyway.
        """
        limit = max(LEAST, seconds)
        right: list[str] = []
        wrong: dict[str, WrongLayout] = {}
        if rude := self.plain.changed & {f"d {name}" for name in self.plain.outputs}:
            wrong[SHARED] = overwritten(self._usual, self.case, f"{self.label} with {SHARED}", rude)
        left_out: dict[str, str] = {}
        for layout in variants(self._shapes):
            why, ahead = self._unfit(layout), self._spent + _runs(layout) * self._last
            if self.case.layouts == "auto" and ahead > limit:
                why = why or NO_TIME
            found = why or self._timed(layout)
            if isinstance(found, str):
                left_out[self._words(layout)] = found
            elif found is None:
                right.append(self._words(layout))
            else:
                smaller, found = self._shrunk(layout, found)
                wrong[self._words(smaller)] = found
        return Layouts(tuple(right), wrong, left_out)

    @cached_property
    def _shapes(self) -> dict[str, dict[str, Shape]]:
        return shapes_of(self.side, self.plain)

    def _words(self, layout: Layout) -> str:
        known = self._shapes.get(layout.target, {})
        axes = {len(known[name]) for name in covered(layout, self._shapes)}
        return layout.words(axes.pop() if len(axes) == 1 else None)

    def _unfit(self, layout: Layout) -> str:
        """Return why a function need not bear a layout; nothing where it must."""
        if layout.target != "input":
            return ""
        if self.plain.random:
            return DRAWS
        return CHANGES if layout.equalizes and self.plain.changed & {*self.side.inputs} else ""

    def _timed(self, layout: Layout) -> WrongLayout | str | None:
        """Run a layout, and count its time; what is wrong is worth all the time that it takes."""
        began = perf_counter()
        found = self._run(layout)
        self._spent += self._last if found else perf_counter() - began
        return found

    def _run(self, layout: Layout) -> WrongLayout | str | None:
        """Return what is wrong in a layout, why it was not run, or None where all is right."""
        base = self._base(layout)
        if isinstance(base, Failure):
            return f"with such numbers it fails in any layout: {base.message}"
        if layout.equalizes and is_finite(self.plain) and not is_finite(base.plain):
            return NOT_FINITE
        laid = base.side.laid(layout, base.cotangents)
        found = self._attempt(laid)
        asked = Question(self.case, f"{self.label} with {self._words(layout)}", laid, base)
        if isinstance(found, Failure):
            excuse = next((why for text, why in LAWFUL.items() if text in found.message), "")
            return excuse or failed(asked, replace(found, backend=asked.name))
        found = replace(found, taps={})
        if layout.form == "zero":
            return zeros(asked, found)
        if close(asked, found):
            return None
        wrong = judged(asked, found)
        return wrong and replace(wrong, cause=self._cause(layout, base, found))

    def _cause(self, layout: Layout, base: Base, found: Outcome) -> str:
        """Return that an array is read as if it were contiguous, where that gives the same."""
        if layout.form not in IN_MEMORY:
            return ""
        mistaken = base.side.laid(replace(layout, misread=True), base.cotangents)
        alike = attempt(self.label, partial(mistaken.plain, self.case.dtype))
        if isinstance(alike, Failure) or not same_gradients(alike, found):
            return ""
        return f"the {layout.target} is read as if it were contiguous"

    def _attempt(self, side: Side) -> Outcome | Failure:
        began = perf_counter()
        found = attempt(self.label, partial(side.plain, self.case.dtype))
        self._last = perf_counter() - began
        return found

    def _base(self, layout: Layout) -> Base | Failure:
        """Return the function on numbers that a layout can hold, all of them contiguous."""
        side, drawn, names = self.side, self._usual.cotangents, covered(layout, self._shapes)
        if layout.form == "zero":
            every = frozenset(self.plain.outputs)
            return replace(self._usual, cotangents=replace(drawn, zero=every))
        if layout.form == "absent":
            drawn = replace(drawn, zero=frozenset(layout.names))
        elif layout.equalizes and layout.target == "cotangent":
            drawn = replace(drawn, equal=dict.fromkeys(names, layout.axis))
        elif layout.equalizes:
            equal = {name: equalized(side.inputs[name], layout.axis) for name in names}
            side = cast(WithLayouts, side.at({**side.inputs, **equal}))
        else:
            return self._usual
        plain = self._attempt(side.laid(CONTIGUOUS, drawn))
        if isinstance(plain, Failure):
            return plain
        return Base(self.label, self.case.dtype, side, drawn, replace(plain, taps={}))

    @cached_property
    def _usual(self) -> Base:
        plain = replace(self.plain, taps={})
        return Base(self.label, self.case.dtype, self.side, DrawnCotangents(self.case), plain)

    def _shrunk(self, layout: Layout, found: WrongLayout) -> tuple[Layout, WrongLayout]:
        """Return the first output or input that is enough to make it wrong."""
        for smaller in self._smaller(layout):
            alone = self._run(smaller)
            if isinstance(alone, WrongLayout):
                return smaller, alone
        return layout, found

    def _smaller(self, layout: Layout) -> Iterator[Layout]:
        names = covered(layout, self._shapes)
        if len(names) > 1:
            yield from (layout.of_one(name) for name in names)


def _runs(layout: Layout) -> int:
    """Return how often a function runs for a layout."""
    return 2 if layout.equalizes or layout.form in ("absent", "accumulated") else 1
