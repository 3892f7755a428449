"""Runs of a function as a blob: safetensors and JSON, never pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcmp.errors import RecordingError
from gradcmp.native.outcome import Array, Outcome, Tap
from gradcmp.recording import pack, unpack
from gradcmp.recording.blob import Buffer
from gradcmp.recording.facts import is_text, take, take_map, take_texts

SETS = ("outputs", "gradients", "taps", "slopes")


@dataclass(frozen=True)
class Answer:
    """What a worker says of a function.

    Attributes
    ----------
    runs : sequence of Outcome
    wrt : tuple of str
        What it was differentiated with respect to.
    parameters : mapping of str to array
        What it brings itself.
    environment : mapping of str to str
        Versions and flags.
    arguments : tuple of str, optional
        The names that it can be called by; None for any.
    """

    runs: Sequence[Outcome]
    wrt: tuple[str, ...]
    parameters: Mapping[str, Array] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] | None = ()


def answer_to_bytes(answer: Answer) -> bytes:
    """Return an answer as one blob."""
    arrays = {f"parameter/{name}": array for name, array in answer.parameters.items()}
    facts = []
    for number, run in enumerate(answer.runs):
        sets = _sets(run)
        arrays |= {
            f"{number}/{kind}/{name}": array
            for kind, by in sets.items()
            for name, array in by.items()
        }
        facts.append({kind: [*by] for kind, by in sets.items()} | _facts(run))
    meta = {
        "answer": "functions",
        "runs": facts,
        "wrt": [*answer.wrt],
        "parameters": [*answer.parameters],
        "environment": dict(answer.environment),
        "arguments": [*(answer.arguments or ())],
        "any argument": answer.arguments is None,
    }
    return pack(arrays, meta)


def answer_from_bytes(blob: Buffer) -> Answer:
    """Read a blob of `answer_to_bytes`, which anybody may have written.

    Raises
    ------
    RecordingError
        When it is not one.
    """
    arrays, meta = unpack(blob)
    if meta.get("answer") != "functions":
        raise RecordingError("an answer that is not of functions")
    runs = take(meta, "runs", list)
    if not all(isinstance(one, dict) for one in runs):
        raise RecordingError("runs that are not described")
    parameters = take_texts(meta, "parameters")
    return Answer(
        [_run(number, facts, arrays) for number, facts in enumerate(runs)],
        tuple(take_texts(meta, "wrt")),
        {name: _taken(arrays, f"parameter/{name}") for name in parameters},
        take_map(meta, "environment", is_text),
        None if take(meta, "any argument", bool) else tuple(take_texts(meta, "arguments")),
    )


def _sets(run: Outcome) -> dict[str, Mapping[str, Array]]:
    return {
        "outputs": run.outputs,
        "gradients": run.gradients,
        "taps": {name: tap.value for name, tap in run.taps.items()},
        "slopes": run.slopes,
    }


def _facts(run: Outcome) -> dict[str, Any]:
    return {
        "dtypes": dict(run.dtypes),
        "unused": sorted(run.unused),
        "bypassed": sorted(run.bypassed),
        "changed": sorted(run.changed),
        "frozen": sorted(run.frozen),
        "unruled": [*run.unruled],
        "dropped": run.dropped_casts,
        "near": run.near,
        "random": run.random,
        "tied": run.tied,
        "facts": dict(run.facts),
    }


def _run(number: int, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Outcome:
    named = {
        kind: {name: _taken(arrays, f"{number}/{kind}/{name}") for name in take_texts(facts, kind)}
        for kind in SETS
    }
    if not named["slopes"].keys() <= named["taps"].keys():
        raise RecordingError("gradients of no tap")
    return Outcome(
        named["outputs"],
        named["gradients"],
        {name: Tap(value, named["slopes"].get(name)) for name, value in named["taps"].items()},
        take_map(facts, "dtypes", is_text),
        frozenset(take_texts(facts, "unused")),
        frozenset(take_texts(facts, "bypassed")),
        frozenset(take_texts(facts, "changed")),
        frozenset(take_texts(facts, "frozen")),
        take(facts, "dropped", int),
        tuple(take_texts(facts, "unruled")),
        take(facts, "random", bool),
        take(facts, "near", int),
        take(facts, "tied", bool),
        take_map(facts, "facts", is_text),
    )


def _taken(arrays: Mapping[str, Array], name: str) -> Array:
    if name not in arrays:
        raise RecordingError(f"an array '{name}' that is not there")
    return arrays[name]
