"""Functions at the inputs of a case, made ready and run; what one raises is its own verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
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
from gradcmp.native.side import LOG, Side
from gradcmp.native.text.raised import raised
from gradcmp.recording import Array, Failure, FailureKind

T = TypeVar("T")

# Makes a side at inputs; differentiated by some of them, or by all that is real. The last are
# parameters of the reference among the inputs, which it is handed.
Make: TypeAlias = Callable[[Mapping[str, Array], "Sequence[str] | None", "tuple[str, ...]"], Side]


@dataclass(frozen=True)
class Sides:
    """Functions that are ready to be run.

    Attributes
    ----------
    ready : mapping of str to Side
        By label.
    failures : mapping of str to Failure
        Why one cannot be run at all: it cannot be imported, or its framework is absent.
    taps : mapping of str to mapping of str to str
        By label, what its taps are called in the others.
    """

    ready: Mapping[str, Side]
    failures: Mapping[str, Failure] = field(default_factory=dict)
    taps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def at_one_point(
    case: Case,
    makers: Mapping[str, Make],
    given: Mapping[str, Array],
    wrt: Sequence[str] | None,
    against: str,
    made_of: Collection[str] = (),
) -> Sides:
    """Return every function at the inputs; a parameter of that name is everywhere the reference's.

    Parameters
    ----------
    made_of : collection of str
        The labels of functions whose parameters are made of the reference's; others are handed
        those that they take by name.

    Raises
    ------
    UsageError
        When there is no input or parameter that is to be differentiated by, or the reference has
        no parameters to hand over.
    """
    first, failures = {}, {}
    for label, make in makers.items():
        met = _prepared(label, partial(_Met.asked, make, given))
        if isinstance(met, Failure):
            failures[label] = met
        else:
            first[label] = met
    parameters: dict[str, Array] = {}
    for label in dict.fromkeys((against, *first)):
        for name, array in first[label].parameters.items() if label in first else ():
            if name in given:  # whoever brings it takes what is given in its place
                continue
            parameters.setdefault(name, rounded(as_array(name, array), case.dtype))
    brought = first[against].parameters if against in first else {}
    if made_of and not brought and against in first:
        raise UsageError(f"'{against}' has no parameters that could be handed over")
    handed = {
        label: tuple(name for name in brought if label in made_of or met.takes(name, given))
        for label, met in first.items()
    }
    real = {name for met in first.values() for name in met.real}
    wrt = _each(wrt, {*given, *parameters}, real) if first else wrt
    ready = {}
    for label, met in first.items():
        own = (*met.parameters, *handed[label])
        real = {*met.real, *(name for name in handed[label] if name in first[against].real)}
        wanted = None if wrt is None else [name for name in wrt if name in real]
        arrays = {**given, **{name: parameters[name] for name in own if name in parameters}}
        side = _prepared(label, partial(makers[label], arrays, wanted, handed[label]))
        if isinstance(side, Failure):
            failures[label] = side
        else:
            ready[label] = side
    return Sides(ready, failures)


@dataclass(frozen=True)
class _Met:
    """A function as it presents itself.

    Attributes
    ----------
    real : tuple of str
        What it can be differentiated with respect to.
    """

    parameters: Mapping[str, Array]
    real: tuple[str, ...]
    arguments: tuple[str, ...] | None

    @classmethod
    def asked(cls, make: Make, given: Mapping[str, Array]) -> _Met:
        """Ask a side, which runs nothing for it."""
        side = make(given, None, ())
        return cls(dict(side.parameters), side.wrt, side.arguments)

    def takes(self, parameter: str, given: Mapping[str, Array]) -> bool:
        """Whether a parameter of the reference is an argument of it that nothing is given for."""
        if self.parameters or parameter in given:
            return False
        first = parameter.partition(".")[0]
        return self.arguments is None or parameter in self.arguments or first in self.arguments


def _each(wrt: Sequence[str] | None, known: Collection[str], real: Set[str]) -> list[str] | None:
    """Return names to differentiate by, of containers their leaves.

    Raises
    ------
    UsageError
        For a name that is neither, and for one below which no numbers are real.
    """
    if wrt is None:
        return None
    found: dict[str, None] = {}
    for name in wrt:
        leaves = [one for one in known if one == name or one.startswith(f"{name}.")]
        if not leaves:
            way_out = did_you_mean(name, known)
            raise UsageError(f"there is no input '{name}' to differentiate by", way_out=way_out)
        if real.isdisjoint(leaves):
            raise UsageError(f"input '{name}' has no derivative: its numbers are not real")
        found |= dict.fromkeys(sorted(leaves))
    return [*found]


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
    taken = {name for side in sides.values() for name in _taken(side)}
    plain = {
        label: clock.timed(label, partial(attempt, label, partial(_named_apart, side, case, taken)))
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


def _taken(side: Side) -> tuple[str, ...]:
    return (*side.held.given(side.inputs), *side.parameters)


def _named_apart(side: Side, case: Case, taken: Collection[str]) -> Outcome:
    """Run a function whose outputs and taps hide no input: a recording has one array of a name.

    An output of an input's name would put its cotangent in the place of that input's gradient,
    and a tap the gradient of an inner value: a wrong one would pass unseen.

    Raises
    ------
    BackendError
        For the first of them.
    """
    found = side.plain(case.dtype)
    hidden = {*taken, *(f"d {name}" for name in taken)}
    clashes = [f"output '{name}'" for name in found.outputs if name in hidden]
    clashes += [f"tap '{name}'" for name in found.taps if name in taken]
    if clashes:
        fact = f"its {clashes[0]} has the name of an input or of its gradient"
        raise BackendError(fact, way_out="Call it otherwise, so that both are compared")
    return found


def require_taps(named: Mapping[str, Mapping[str, str]], runs: Mapping[str, Outcome]) -> None:
    """Refuse a map of taps that a function does not have.

    Raises
    ------
    UsageError
        For the first.
    """
    for label, names in named.items():
        met = runs[label].taps if label in runs else names.values()
        for own, shared in names.items():
            if shared not in met:
                way_out = did_you_mean(own, met) or f"It has {', '.join(met) or 'none'}"
                raise UsageError(f"'{label}' has no tap '{own}'", way_out=way_out)


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
        return _prepared(label, run)
    except BackendError as error:
        kind: FailureKind = "absent" if isinstance(error, AbsentError) else "error"
        return Failure(label, kind, str(error))


def _prepared(label: str, make: Callable[[], T]) -> T | Failure:
    """Make a function ready, or run it; what its own code raises is its verdict."""
    try:
        return make()
    except SideFailedError as error:
        return error.failure
    except GradcmpError:
        raise
    except Exception as error:  # noqa: BLE001
        LOG.debug("'%s' failed", label, exc_info=True)
        return Failure(label, "error", raised(error))
