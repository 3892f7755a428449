"""Where a recording comes from: the case, the hashes of its inputs, who recorded it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcmp.case import DTYPES, Case, Expression, InputSpec
from gradcmp.errors import RecordingError
from gradcmp.recording.facts import AGAIN, is_shape, is_text, take, take_map

COTANGENT = "the cotangent"  # as errors call it; no input has a name with a blank


@dataclass(frozen=True)
class Origin:
    """What a recording answers.

    Attributes
    ----------
    case : Case
        Without backends and tolerance: those belong to a run. Of an input it has kind and shape.
    hashes : mapping of str to str
        `fingerprint` of each input, and of the cotangent under `COTANGENT`, as they were handed
        to the backend, which casts them to what it computes in.
    recorder : mapping of str to str
        gradcmp's version, and the machine.
    """

    case: Case
    hashes: Mapping[str, str]
    recorder: Mapping[str, str] = field(default_factory=dict)

    @property
    def graph(self) -> dict[str, str]:
        """The text of every node."""
        return {name: expression.text for name, expression in self.case.graph.items()}

    def differing(self, other: Origin, renamed: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Name the inputs that are not the same in both, or that only one has.

        Parameters
        ----------
        renamed : mapping of str to str, optional
            What the other calls the inputs of this one, where it is another name.
        """
        mine = {(renamed or {}).get(name, name): text for name, text in self.hashes.items()}
        return tuple(n for n in {**mine, **other.hashes} if mine.get(n) != other.hashes.get(n))

    def difference(self, other: Origin) -> str:
        """Describe in which way the two are not the same question; empty when they are."""
        if self._asked != other._asked:
            return "another graph"
        names = self.differing(other)
        return f"other numbers in {', '.join(names)}" if names else ""

    @property
    def _asked(self) -> tuple[object, ...]:
        return (self.graph, set(self.case.inputs), self.case.output, self.case.wrt)


def fingerprint(array: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of dtype, shape and numbers, whatever the layout and byte order.

    The numbers are hashed in C order, little-endian.
    """
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    digest = hashlib.sha256(f"{little.dtype.name} {little.shape} ".encode())
    digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def origin_to_facts(origin: Origin) -> dict[str, Any]:
    """Return an origin as what JSON can write."""
    case = origin.case
    return {
        "name": case.name,
        "description": case.description,
        "inputs": {
            name: {"kind": spec.kind, "shape": list(spec.shape or ())}
            for name, spec in case.inputs.items()
        },
        "graph": origin.graph,
        "output": case.output,
        "wrt": list(case.wrt),
        "cotangent": case.cotangent,
        "seed": case.seed,
        "dtype": case.dtype,
        "hashes": dict(origin.hashes),
        "recorder": dict(origin.recorder),
    }


def origin_of_facts(facts: Mapping[str, Any]) -> Origin:
    """Read what `origin_to_facts` gave.

    Raises
    ------
    RecordingError
        When a fact is missing, of another type, or contradicts another.
    """
    inputs = {
        name: InputSpec(take(spec, "kind", str), tuple(take(spec, "shape", list)))
        for name, spec in take_map(facts, "inputs", _is_input).items()
    }
    graph = {name: Expression(text) for name, text in take_map(facts, "graph", is_text).items()}
    wrt = tuple(take(facts, "wrt", list))
    case = Case(
        name=take(facts, "name", str),
        inputs=inputs,
        graph=graph,
        output=take(facts, "output", str),
        wrt=wrt,
        backends=(),
        cotangent=_one_of(facts, "cotangent", ("random", "ones")),
        seed=take(facts, "seed", int),
        dtype=_one_of(facts, "dtype", DTYPES),
        description=take(facts, "description", str),
    )
    hashes = take_map(facts, "hashes", is_text)
    if case.output not in graph or any(name not in inputs for name in wrt):
        raise RecordingError("its metadata differentiates what is not in its graph", way_out=AGAIN)
    if set(hashes) != {*inputs, COTANGENT}:
        raise RecordingError("its hashes are not those of its inputs", way_out=AGAIN)
    return Origin(case, hashes, take_map(facts, "recorder", is_text))


def _is_input(fact: Any) -> bool:
    return isinstance(fact, dict) and is_text(fact.get("kind")) and is_shape(fact.get("shape"))


def _one_of(facts: Mapping[str, Any], key: str, words: tuple[Any, ...]) -> Any:
    word = take(facts, key, str)
    if word not in words:
        raise RecordingError(
            f"its metadata has the {key} '{word}', which is none of {', '.join(words)}",
            way_out=AGAIN,
        )
    return word
