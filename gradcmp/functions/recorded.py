"""What a run of a function gave, as the judge reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from gradcmp.case import DType
from gradcmp.derivatives import is_derived
from gradcmp.inputs import round_to
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.side import Cotangent, Side
from gradcmp.recording import Account, Recording, numpy_dtype

FEW = 4  # names that are written out


@dataclass(frozen=True)
class Given:
    """Inputs and cotangents as several recordings hold them: brought to each dtype but once."""

    cotangent: Cotangent
    _inputs: dict[tuple[int, DType], tuple[Array, Array]] = field(default_factory=dict)
    _upstream: dict[tuple[str, tuple[int, ...], DType], Array] = field(default_factory=dict)

    def input(self, array: Array, dtype: DType) -> Array:
        """Return an input in a dtype."""
        key = (id(array), dtype)
        if key not in self._inputs:
            self._inputs[key] = (array, _held(array, dtype))  # keeps the array, and so its id
        return self._inputs[key][1]

    def upstream(self, output: str, shape: tuple[int, ...], dtype: DType) -> Array:
        """Return the cotangent of an output in a dtype."""
        key = (output, shape, dtype)
        if key not in self._upstream:
            self._upstream[key] = _held(self.cotangent(output, shape), dtype)
        return self._upstream[key]


def recorded(
    label: str,
    side: Side,
    outcome: Outcome,
    dtype: DType,
    cotangent: Cotangent,
    known: Given | None = None,
) -> Recording:
    """Return the recording of one run.

    Its values are the inputs, the taps and the outputs, in this order; the gradient of an output is
    the cotangent that it was given. Numbers of another dtype, as a loss in float32 beside bfloat16
    inputs, are rounded to the dtype of the run; under an autocast that is the lower one, whose
    noise is then reckoned with.

    Parameters
    ----------
    known : Given, optional
        What other recordings of the case hold already; none of them is written to.
    """
    known = known or Given(cotangent)
    if side.autocast and dtype != "float64":
        dtype = side.autocast
    given = {
        name: known.input(array, dtype)
        for name, array in {**side.parameters, **side.held.given(side.inputs)}.items()
    }
    taps = {name: tap.value for name, tap in outcome.taps.items()}
    values = {name: _held(array, dtype) for name, array in {**taps, **outcome.outputs}.items()}
    upstream = {
        name: known.upstream(name, array.shape, dtype)
        for name, array in outcome.outputs.items()
        if array.dtype.kind not in "iub" and not is_derived(name)
    }
    gradients = {
        name: _held(array, dtype)
        for name, array in {**outcome.gradients, **outcome.slopes}.items()
        if name not in upstream
    }
    return Recording(
        label,
        dtype,
        {**given, **values},
        {**gradients, **upstream},
        {**side.environment, **_remarks(outcome)},
        account=Account(
            tuple(outcome.outputs), tuple(outcome.taps), tuple(side.parameters), tuple(side.wrt)
        ),
    )


def notes_on(
    side: Side, plain: Outcome, clean: Outcome | None, unable: str = "", disagrees: bool = False
) -> tuple[str, ...]:
    """Return what is to be said of a function besides its numbers, each a part of a sentence.

    Parameters
    ----------
    plain, clean : Outcome
        Its run in the dtype of the case, and in float64 where it has one.
    unable : str
        Why it has none.
    disagrees : bool
        Whether it is of a pair that does: then it matters that it draws at random.
    """
    return tuple(_notes(side, plain, clean, unable, disagrees))


def _notes(
    side: Side, plain: Outcome, clean: Outcome | None, unable: str, disagrees: bool
) -> Iterator[str]:
    for name in sorted(plain.changed):
        what = f"the cotangent '{name[2:]}'" if name.startswith("d ") else f"its input '{name}'"
        yield f"changes {what} in place"
    unused = [name for name in side.wrt if name in plain.unused]
    real = any(array.dtype.kind in "fV" for array in plain.outputs.values())
    if not real:
        yield "has no output of real numbers, so that no gradient is compared"
    elif unused and len(unused) == len(side.wrt):
        yield "has no output with a gradient: none depends on an input by differentiable operations"
    elif unused:
        verb = "its gradient is" if len(unused) == 1 else "their gradients are"
        yield f"does not depend on {some(unused, ' and ')}: {verb} zero"
    if plain.frozen:
        yield f"has {some(sorted(plain.frozen), ' and ')} frozen (requires_grad=False)"
    if unable:
        yield f"has no float64 run, so that noise alone tells rounding from a bug: {unable}"
    if side.autocast:
        yield f"runs under an autocast: it is compared as {side.autocast} is"
    if disagrees and clean is not None and clean.random:
        yield (
            "draws random numbers: from one seed another framework, or another order, draws other "
            "ones. Pass them as an input"
        )


def some(names: Sequence[str], last: str = ", ") -> str:
    """Name a few in a row, and count the rest."""
    if len(names) > FEW + 1:
        return f"{', '.join(names[:FEW])} and {len(names) - FEW} more"
    return last.join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _remarks(outcome: Outcome) -> dict[str, str]:
    """Return what a run did that its author may not know of, as the environment tells it."""
    found = {
        "changes in place": ", ".join(sorted(outcome.changed)),
        "casts left out": str(outcome.dropped_casts or ""),
    }
    return {**outcome.facts, **{what: text for what, text in found.items() if text}}


def _held(array: Array, dtype: DType) -> Array:
    """Return what is real in the dtype of the run."""
    kind = numpy_dtype(dtype)
    if array.dtype.kind in "iubc" or array.dtype == kind:
        return array
    with np.errstate(all="ignore"):
        if dtype == "bfloat16":  # NumPy would round twice
            return round_to(array.astype(np.float64), dtype).astype(kind)
        return array.astype(kind)


class Named(Protocol):
    """The names of what a function returned, and of what it named on the way."""

    @property
    def outputs(self) -> Collection[str]:
        """What it returned."""

    @property
    def taps(self) -> Collection[str]:
        """What it named on the way."""


def shared(
    recordings: Mapping[str, Recording], outcomes: Mapping[str, Named], against: str
) -> dict[str, Recording]:
    """Return recordings with those taps alone that the reference has, and all outputs."""
    known = outcomes[against].taps
    slopes = recordings[against].gradients if against in recordings else known
    kept = {name for outcome in outcomes.values() for name in outcome.outputs}
    taps = {name for outcome in outcomes.values() for name in outcome.taps} - kept

    def without(arrays: Mapping[str, Array], held: Collection[str]) -> dict[str, Array]:
        return {name: array for name, array in arrays.items() if name in held or name not in taps}

    return {
        label: replace(
            one,
            values=without(one.values, known),
            gradients=without(one.gradients, slopes),
        )
        for label, one in recordings.items()
    }
