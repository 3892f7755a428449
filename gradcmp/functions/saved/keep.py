"""Recordings of functions that know their origin: what is written to files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from gradcmp.case import Case, CodeSpec
from gradcmp.functions.saved.account import Witnessed
from gradcmp.native.side import Side
from gradcmp.recording import COTANGENT, Array, Origin, Recording, fingerprint, missing_inputs
from gradcmp.recording.origin import OF, recorder


def kept(case: Case, witnessed: Witnessed) -> Recording:
    """Return the recording of a function, with its case and the hashes of all that it was given."""
    made = witnessed.recording
    given = _given(witnessed.side)
    first = next(iter(witnessed.plain.outputs))
    upstream = {
        COTANGENT if name == first else OF + name: witnessed.cotangent(name, array.shape)
        for name, array in witnessed.plain.outputs.items()
        if array.dtype.kind not in "iub"
    }
    arrays = {**given, **upstream}
    inputs = {
        name: replace(spec, shape=given[name].shape) if name in given else spec
        for name, spec in case.inputs.items()
    }
    origin = Origin(
        replace(case, inputs=inputs, output=first, code=_named(case.code)),
        {name: fingerprint(array) for name, array in arrays.items()},
        recorder(),
    )
    facts = {**made.environment, **source(case.code.get(witnessed.label))}
    given_beside = missing_inputs(made, origin, arrays)
    return replace(made, origin=origin, given=given_beside, environment=facts)


def _named(code: Mapping[str, CodeSpec]) -> dict[str, CodeSpec]:
    """Return functions by the names of their files: where those lay is nobody's business."""
    return {label: replace(spec, source=_short(spec.source)) for label, spec in code.items()}


def _short(source: str) -> str:
    home, _, name = source.rpartition(":")
    return f"{Path(home).name if home.endswith('.py') else home}:{name}"


def _given(side: Side) -> dict[str, Array]:
    """Return inputs and parameters in the dtypes in which inputs are drawn."""
    wide: Mapping[str, type] = {"i": np.int64, "u": np.int64, "b": np.bool_}
    return {
        name: np.asarray(array, wide.get(array.dtype.kind, np.float64))
        for name, array in {**side.parameters, **side.inputs}.items()
    }


def source(spec: CodeSpec | None) -> dict[str, str]:
    """Return which function it is, and a digest of its file: as the environment says it."""
    if spec is None:
        return {}
    found, home = {"function": _short(spec.source)}, spec.source.rpartition(":")[0]
    if home.endswith(".py") and Path(home).is_file():
        found["its file"] = hashlib.sha256(Path(home).read_bytes()).hexdigest()[:12]
    return found
