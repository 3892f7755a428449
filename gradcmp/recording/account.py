"""What a function of the user was seen to do besides its two runs: what a later judge asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradcmp.dtypes.arrays import Array
from gradcmp.errors import RecordingError
from gradcmp.recording.facts import AGAIN, is_number, take, take_map, take_texts

# The prefixes of the names of its arrays in a file.
NOISE, PLACE, JUMP, MORE, SPREAD = "noise", "place", "jump", "more", "spread"
ACCOUNT = "account"  # its key in the metadata
NAMES = ("outputs", "taps", "parameters", "wrt")


@dataclass(frozen=True)
class Slope:
    """The derivative of ``<cotangent, outputs>`` along a direction, by differences in float64.

    Attributes
    ----------
    error : float
        What it may be off itself.
    """

    value: float
    error: float


@dataclass(frozen=True)
class Branches:
    """What other ways to take its open branches add to a tensor.

    Attributes
    ----------
    places : array
        The elements that any of them reaches, as indexes into the flat tensor.
    jumps, more : array
        What each of a few ways, and of more of them, adds there: a row for each way.
    """

    places: Array
    jumps: Array
    more: Array


@dataclass(frozen=True)
class Account:
    """What a function told of itself in further runs, which nobody can make again from a file.

    Attributes
    ----------
    outputs, taps, parameters, wrt : tuple of str
        Its names: what it returned, what it named on the way, what it brought itself, and what it
        was differentiated with respect to.
    noise : mapping of str to array
        By tensor, as on screen, the standard deviation of its rounding errors.
    coherent : mapping of str to float
        By tensor, the standard deviation of a factor common to all elements.
    own : bool
        Whether that is what its code strays from float64 at nearby points, for want of a stream
        of operations.
    unruled : tuple of str
        Operations without a rule of noise.
    branches : mapping of str to Branches
        By tensor that an open branch makes a difference to.
    spread : mapping of str to array
        By tensor, how far constants that are held in float32 may be off.
    slopes : mapping of str to Slope
        By input, along the direction that `gradcmp.inputs` draws for its name.
    unknown : tuple of str
        What could not be found out, in words.
    """

    outputs: tuple[str, ...]
    taps: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    wrt: tuple[str, ...] = ()
    noise: Mapping[str, Array] = field(default_factory=dict)
    coherent: Mapping[str, float] = field(default_factory=dict)
    own: bool = False
    unruled: tuple[str, ...] = ()
    branches: Mapping[str, Branches] = field(default_factory=dict)
    spread: Mapping[str, Array] = field(default_factory=dict)
    slopes: Mapping[str, Slope] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def account_to_facts(account: Account) -> dict[str, Any]:
    """Return all of it that is not an array as facts that JSON can write."""
    return {
        "outputs": [*account.outputs],
        "taps": [*account.taps],
        "parameters": [*account.parameters],
        "wrt": [*account.wrt],
        "coherent": dict(account.coherent),
        "own": account.own,
        "unruled": [*account.unruled],
        "slopes": {name: [one.value, one.error] for name, one in account.slopes.items()},
        "unknown": [*account.unknown],
    }


def account_to_arrays(account: Account) -> dict[str, Array]:
    """Return its arrays by their names in a file."""
    found = {f"{NOISE}/{name}": array for name, array in account.noise.items()}
    found |= {f"{SPREAD}/{name}": array for name, array in account.spread.items()}
    for name, one in account.branches.items():
        parts = {PLACE: one.places, JUMP: one.jumps, MORE: one.more}
        found |= {f"{part}/{name}": array for part, array in parts.items()}
    return found


def account_of(facts: Mapping[str, Any], parts: Mapping[str, Mapping[str, Array]]) -> Account:
    """Read an account from the facts of `account_to_facts`, and arrays by prefix and name.

    Raises
    ------
    RecordingError
        When a fact is missing, of another type, or does not fit its arrays.
    """
    told = take(facts, ACCOUNT, dict)
    outputs, taps, parameters, wrt = (tuple(take_texts(told, key)) for key in NAMES)
    if not outputs:
        raise RecordingError("its function has no output", way_out=AGAIN)
    coherent = take_map(told, "coherent", is_number)
    slopes = take_map(told, "slopes", _is_slope)
    if coherent.keys() != parts[NOISE].keys():
        raise RecordingError("its noise is not that of its metadata", way_out=AGAIN)
    return Account(
        outputs,
        taps,
        parameters,
        wrt,
        parts[NOISE],
        {name: float(one) for name, one in coherent.items()},
        take(told, "own", bool),
        tuple(take_texts(told, "unruled")),
        _branches(parts),
        parts[SPREAD],
        {name: Slope(*map(float, one)) for name, one in slopes.items()},
        tuple(take_texts(told, "unknown")),
    )


def _branches(parts: Mapping[str, Mapping[str, Array]]) -> dict[str, Branches]:
    places, jumps, more = (parts[part] for part in (PLACE, JUMP, MORE))
    if not places.keys() == jumps.keys() == more.keys():
        raise RecordingError("its branches are not whole", way_out=AGAIN)
    found = {name: Branches(places[name], jumps[name], more[name]) for name in places}
    first = next(iter(found.values()), None)
    for name, one in found.items():
        assert first is not None
        rows = [(rows.ndim, rows.dtype.kind, rows.shape[-1:]) for rows in (one.jumps, one.more)]
        is_whole = one.places.ndim == 1 and one.places.dtype.kind == "i"
        ways = (len(one.jumps), len(one.more))
        is_whole = is_whole and ways == (len(first.jumps), len(first.more)) and 0 not in ways
        if not is_whole or rows != [(2, "f", one.places.shape)] * 2:
            raise RecordingError(f"the branches of '{name}' do not fit together", way_out=AGAIN)
    return found


def _is_slope(fact: Any) -> bool:
    return isinstance(fact, list) and len(fact) == 2 and all(map(is_number, fact))
