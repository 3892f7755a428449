"""A worker's side: functions of the user loaded once, and run as they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from gradcmp.native.answers import Answer, answer_to_bytes
from gradcmp.native.arranging.arrangement import Arrangement
from gradcmp.native.frameworks import engine
from gradcmp.native.loaded import load
from gradcmp.native.outcome import Array
from gradcmp.native.side import Function, Side
from gradcmp.native.way import DrawnCotangents, Way, same_shapes

_loaded = cache(load)
_kept: dict[tuple[Any, ...], Side] = {}  # a traced function is as good at other numbers


def work(framework: str, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> bytes:
    """Run a function and return its answer as a blob.

    Parameters
    ----------
    arrays : mapping of str to array
        The inputs by name.
    facts : mapping
        As `gradcmp.workers.wire` writes them.

    Raises
    ------
    BackendError
        When it cannot be loaded or called.
    """
    function = _loaded(facts["source"])
    side = _side(framework, function, arrays, facts)
    way = Way(**facts["way"]) if facts["way"] else None
    runs = way.run(side) if way else ()
    return answer_to_bytes(
        Answer(runs, side.wrt, side.parameters, side.environment, side.arguments)
    )


def _side(
    framework: str, function: Function, arrays: Mapping[str, Array], facts: Mapping[str, Any]
) -> Side:
    wrt = None if facts["wrt"] is None else tuple(facts["wrt"])
    cotangents = tuple(sorted((key, str(value)) for key, value in facts["cotangents"].items()))
    arrangement = _arrangement(facts)
    key = (framework, facts["source"], facts["device"], wrt, cotangents, str(arrangement))
    known = _kept.get(key)
    if known is not None and same_shapes(known.inputs, arrays):
        return known.at(arrays)
    side: Side = engine(framework).prepare(
        function,
        dict(arrays),
        wrt=wrt,
        cotangents=DrawnCotangents.of(facts["cotangents"]),
        device=facts["device"],
        seed=int(facts["cotangents"]["seed"]),
        arrangement=arrangement,
    )
    _kept[key] = side
    return side


def _arrangement(facts: Mapping[str, Any]) -> Arrangement:
    parameters = facts["parameters"]
    made_of = _loaded(parameters) if isinstance(parameters, str) else parameters
    return Arrangement({}, made_of, tuple(facts["handed"]), facts["taps"])
