"""Functions at the inputs of a case, made ready and run; what one raises is its own verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TypeAlias, TypeVar

from gradcmp.case import Case
from gradcmp.errors import AbsentError, BackendError, GradcmpError, UsageError, did_you_mean
from gradcmp.functions.question import rounded
from gradcmp.functions.remote import SideFailedError
from gradcmp.native.arrays import as_array
from gradcmp.native.outcome import Outcome
from gradcmp.native.side import Side
from gradcmp.recording import Array, Failure, FailureKind

T = TypeVar("T")

# Makes a side at inputs; differentiated by some of them, or by all that is real.
Make: TypeAlias = Callable[[Mapping[str, Array], "Sequence[str] | None"], Side]


@dataclass(frozen=True)
class Sides:
    """Functions that are ready to be run.

    Attributes
    ----------
    ready : mapping of str to Side
        By label.
    failures : mapping of str to Failure
        Why one cannot be run at all: it cannot be imported, or its framework is absent.
    """

    ready: Mapping[str, Side]
    failures: Mapping[str, Failure] = field(default_factory=dict)


def at_one_point(
    case: Case,
    makers: Mapping[str, Make],
    given: Mapping[str, Array],
    wrt: Sequence[str] | None,
    against: str,
) -> Sides:
    """Return every function at the inputs; a parameter of that name is everywhere the reference's.

    Raises
    ------
    UsageError
        When there is no input or parameter that is to be differentiated by.
    """
    first, failures = {}, {}
    for label, make in makers.items():
        try:
            side = make(given, None)
            first[label] = (side, dict(side.parameters), side.wrt)
        except SideFailedError as error:
            failures[label] = error.failure
    parameters: dict[str, Array] = {}
    for label in dict.fromkeys((against, *makers)):
        for name, array in first[label][1].items() if label in first else ():
            if name in given:  # whoever brings it takes what is given in its place
                continue
            parameters.setdefault(name, rounded(as_array(name, array), case.dtype))
    known = {*given, *parameters}
    for name in wrt or ():
        if first and name not in known:
            way_out = did_you_mean(name, known)
            raise UsageError(f"there is no input '{name}' to differentiate by", way_out=way_out)
    ready = {
        label: makers[label](
            {**given, **{name: parameters[name] for name in brought if name in parameters}},
            None if wrt is None else [name for name in wrt if name in real],
        )
        for label, (_, brought, real) in first.items()
    }
    return Sides(ready, failures)


@dataclass(frozen=True)
class Runs:
    """What the functions gave.

    Attributes
    ----------
    plain, clean : mapping of str to Outcome
        In the dtype of the case and in float64, by label, of those that could.
    failures : mapping of str to Failure
        Why one could not run in the dtype of the case.
    unable : mapping of str to Failure
        Why one could not run in float64.
    seconds : mapping of str to float
        How long both of them took.
    """

    plain: Mapping[str, Outcome]
    clean: Mapping[str, Outcome]
    failures: Mapping[str, Failure]
    unable: Mapping[str, Failure]
    seconds: Mapping[str, float] = field(default_factory=dict)


def run(case: Case, sides: Mapping[str, Side]) -> Runs:
    """Run every function, in float64 those alone that run in the dtype of the case."""
    clock = Clock()
    plain = {
        label: clock.timed(label, partial(attempt, label, partial(side.plain, case.dtype)))
        for label, side in sides.items()
    }
    clean = {
        label: clock.timed(label, partial(attempt, label, partial(sides[label].clean, case.dtype)))
        for label, one in plain.items()
        if isinstance(one, Outcome)
    }
    return Runs(
        {label: one for label, one in plain.items() if isinstance(one, Outcome)},
        {label: one for label, one in clean.items() if isinstance(one, Outcome)},
        {label: one for label, one in plain.items() if isinstance(one, Failure)},
        {label: one for label, one in clean.items() if isinstance(one, Failure)},
        clock.seconds,
    )


@dataclass
class Clock:
    """Adds up how long the runs of each function take."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, label: str, run: Callable[[], T]) -> T:
        """Run, and add the time to that of a label."""
        began = perf_counter()
        try:
            return run()
        finally:
            self.seconds[label] = self.seconds.get(label, 0.0) + perf_counter() - began


def run_plain(case: Case, sides: Mapping[str, Side]) -> dict[str, Outcome | Failure]:
    """Run every function in the dtype of the case."""
    return {label: attempt(label, partial(one.plain, case.dtype)) for label, one in sides.items()}


def attempt(label: str, run: Callable[[], Outcome]) -> Outcome | Failure:
    """Run a function; whatever it raises is its own verdict."""
    try:
        return run()
    except SideFailedError as error:
        return error.failure
    except BackendError as error:
        kind: FailureKind = "absent" if isinstance(error, AbsentError) else "error"
        return Failure(label, kind, str(error))
    except GradcmpError:
        raise
    except Exception as error:  # noqa: BLE001
        return Failure(label, "error", f"{type(error).__name__}: {error}")
