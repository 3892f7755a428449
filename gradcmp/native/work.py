"""A worker's side: functions of the user loaded once, and run as they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from gradcmp.errors import BackendError, GradcmpError
from gradcmp.native.answers import Answer, answer_to_bytes
from gradcmp.native.arranging.arrangement import Arrangement
from gradcmp.native.arranging.asked import as_asked
from gradcmp.native.frameworks import engine
from gradcmp.native.loaded import load
from gradcmp.native.outcome import Array
from gradcmp.native.side import Function, Side
from gradcmp.native.taps import Held
from gradcmp.native.text.raised import raised, shown
from gradcmp.native.text.sources import forget
from gradcmp.native.way import DrawnCotangents, Way, same_shapes

_loaded = cache(load)
_stamps: dict[str, str] = {}  # by file, as it was when its functions were loaded
_kept: dict[tuple[Any, ...], Side] = {}  # a traced function is as good at other numbers


def work(
    framework: str,
    arrays: Mapping[str, Array],
    slopes: Mapping[str, Array],
    facts: Mapping[str, Any],
) -> bytes:
    """Run a function and return its answer as a blob.

    Parameters
    ----------
    arrays : mapping of str to array
        The inputs by name, and the values of taps that hand on what they are given.
    slopes : mapping of str to array
        By such a tap, the gradient that goes on backwards from it.
    facts : mapping
        As `gradcmp.workers.wire` writes them.

    Raises
    ------
    BackendError
        When it cannot be loaded or called.
    """
    try:
        return _answered(framework, arrays, slopes, facts)
    except GradcmpError:
        raise
    except Exception as error:
        shown(error)
        raise BackendError(raised(error)) from error


def _answered(
    framework: str,
    arrays: Mapping[str, Array],
    slopes: Mapping[str, Array],
    facts: Mapping[str, Any],
) -> bytes:
    _read_anew(facts["stamps"])
    function = _loaded(facts["source"])
    held = Held(slopes)
    side = _side(framework, function, held.given(arrays), facts)
    side = side.holding(held.values(arrays), held) if slopes else side
    way = Way.of(facts["way"]) if facts["way"] else None
    runs = way.run(side) if way else ()
    return answer_to_bytes(
        Answer(runs, side.wrt, side.parameters, side.environment, side.arguments)
    )


def _read_anew(stamps: Mapping[str, str]) -> None:
    """Forget all functions once a file is not as it was when they were loaded."""
    if stamps and any(_stamps.get(file, stamp) != stamp for file, stamp in stamps.items()):
        forget(frozenset((*_stamps, *stamps)))
        _loaded.cache_clear()
        _kept.clear()
        _stamps.clear()
    if stamps:
        # What Python keeps of a file is valid for a whole second of its time of change.
        sys.dont_write_bytecode = True
        _stamps.update(stamps)


def _side(
    framework: str, function: Function, arrays: Mapping[str, Array], facts: Mapping[str, Any]
) -> Side:
    wrt = None if facts["wrt"] is None else tuple(facts["wrt"])
    cotangents = tuple(sorted((key, str(value)) for key, value in facts["cotangents"].items()))
    arrangement = _arrangement(facts)
    options = {name: facts[name] for name in ("mode", "autocast") if facts[name] is not None}
    names = (facts["source"], facts["device"], str(arrangement), *options.values())
    key = (framework, wrt, cotangents, *names)
    known = _kept.get(key)
    if known is not None and same_shapes(known.inputs, arrays):
        return known.at(arrays)
    drawn = DrawnCotangents.of(facts["cotangents"])
    side: Side = engine(framework).prepare(
        as_asked(function, framework, facts["mode"] or "eager", wrt, drawn),
        dict(arrays),
        wrt=wrt,
        cotangents=drawn,
        device=facts["device"],
        seed=int(facts["cotangents"]["seed"]),
        arrangement=arrangement,
        **options,
    )
    _kept[key] = side
    return side


def _arrangement(facts: Mapping[str, Any]) -> Arrangement:
    parameters = facts["parameters"]
    made_of = _loaded(parameters) if isinstance(parameters, str) else parameters
    return Arrangement({}, made_of, tuple(facts["handed"]), facts["taps"])
