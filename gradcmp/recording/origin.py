"""Where a recording comes from: the case, the hashes of its inputs, who recorded it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import numpy as np

from gradcmp.case import Case
from gradcmp.dtypes.arrays import Array
from gradcmp.errors import RecordingError
from gradcmp.keys import ORIGIN
from gradcmp.recording.asked import case_of_facts, case_to_facts
from gradcmp.recording.facts import AGAIN, is_text, take_map
from gradcmp.version import VERSION

COTANGENT = "the cotangent"  # as errors call it; no input has a name with a blank
DAY = "day"  # when something was recorded, as `recorder` calls it
OF = f"{COTANGENT} of "  # one of the outputs of a function, where that has several


@dataclass(frozen=True)
class Origin:
    """The case and the inputs that a recording was computed from.

    Attributes
    ----------
    case : Case
        Only the keys that are written in the origin: backends and tolerance belong to a run. Of an
        input it has kind and shape.
    hashes : mapping of str to str
        `fingerprint` of each input, and of the cotangent under `COTANGENT`, as they were passed
        to the backend, which casts them to its dtype.
    recorder : mapping of str to str
        gradcmp's version, the machine, and the day.
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
            The names that the other has for the inputs of this one, where they differ.
        """
        mine = {(renamed or {}).get(name, name): text for name, text in self.hashes.items()}
        names = tuple(n for n in {**mine, **other.hashes} if mine.get(n) != other.hashes.get(n))
        if not (self.case.code and other.case.code):
            return names
        # An output or a parameter that only one function has is for the judge: it is missing.
        return tuple(n for n in names if n in mine and n in other.hashes)

    def difference(self, other: Origin) -> str:
        """Describe how the two cases differ; empty when they do not."""
        if self._asked != other._asked:
            return "another graph" if self.graph or other.graph else "other functions"
        mine, theirs = self.case.derivative, other.case.derivative
        if mine != theirs:
            return f"another derivative, {theirs} and not {mine}"
        names = self.differing(other)
        return f"other numbers in {', '.join(names)}" if names else ""

    @property
    def _asked(self) -> tuple[object, ...]:
        return (self.graph, set(self.case.inputs), self.case.output, self.case.wrt)


def fingerprint(array: Array) -> str:
    """Return the SHA-256 of dtype, shape and numbers, whatever the layout and byte order.

    The numbers are hashed in C order, little-endian.
    """
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    digest = hashlib.sha256(f"{little.dtype.name} {little.shape} ".encode())
    digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def recorder() -> dict[str, str]:
    """Return who records and when: gradcmp's version, the machine, the day (UTC)."""
    return {
        "gradcmp": VERSION,
        "machine": f"{platform.system()} {platform.machine()}",
        DAY: datetime.now(timezone.utc).date().isoformat(),
    }


def origin_to_facts(origin: Origin) -> dict[str, Any]:
    """Return an origin as facts that JSON can write."""
    return {
        **case_to_facts(origin.case, ORIGIN),
        "hashes": dict(origin.hashes),
        "recorder": dict(origin.recorder),
    }


def origin_of_facts(facts: Mapping[str, Any]) -> Origin:
    """Read an origin from the facts of `origin_to_facts`.

    Raises
    ------
    RecordingError
        When a fact is missing, of another type, or contradicts another.
    """
    case = case_of_facts(facts)
    hashes = take_map(facts, "hashes", is_text)
    if case.code:
        return _of_code(case, hashes, facts)
    if case.output not in case.graph or any(name not in case.inputs for name in case.wrt):
        raise RecordingError(
            "its metadata differentiates something that is not in its graph", way_out=AGAIN
        )
    if not all(node.text.strip() for node in case.graph.values()):
        raise RecordingError("its metadata has a node without an expression", way_out=AGAIN)
    if set(hashes) != {*case.inputs, COTANGENT}:
        raise RecordingError("its hashes are not those of its inputs", way_out=AGAIN)
    return Origin(case, hashes, take_map(facts, "recorder", is_text))


def _of_code(case: Case, hashes: Mapping[str, str], facts: Mapping[str, Any]) -> Origin:
    """Return an origin of functions, which may bring parameters and have several cotangents."""
    if case.graph:
        raise RecordingError("its metadata has both a graph and code", way_out=AGAIN)
    if not set(hashes) >= set(case.inputs):
        raise RecordingError("its hashes are not those of its inputs", way_out=AGAIN)
    return Origin(case, hashes, take_map(facts, "recorder", is_text))
