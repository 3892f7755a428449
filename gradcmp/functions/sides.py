"""Functions at the inputs of a case, each handed to the engine of its framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from gradcmp.case import Case
from gradcmp.errors import UsageError, did_you_mean
from gradcmp.functions.question import arrays_of, cotangent_of, rounded
from gradcmp.native.arrays import as_array
from gradcmp.native.frameworks import engine, framework_of
from gradcmp.native.side import Function, Side
from gradcmp.recording import Array


def prepare(
    case: Case,
    functions: Mapping[str, Function],
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None,
    framework: str | Mapping[str, str] | None,
    device: str,
    against: str,
) -> dict[str, Side]:
    """Return every function at the inputs, and at the reference's parameters."""
    given, cotangent = arrays_of(case, inputs), partial(cotangent_of, case)
    homes = {
        label: framework
        if isinstance(framework, str)
        else (framework or {}).get(label) or framework_of(function, label)
        for label, function in functions.items()
    }

    def prepared(label: str, arrays: Mapping[str, Array], names: Sequence[str] | None) -> Side:
        side: Side = engine(homes[label]).prepare(
            functions[label],
            arrays,
            wrt=names,
            cotangents=cotangent,
            device=device,
            seed=case.seed,
        )
        return side

    first = {label: prepared(label, given, None) for label in functions}
    parameters: dict[str, Array] = {}
    for label in dict.fromkeys((against, *functions)):
        for name, array in first[label].parameters.items():
            parameters.setdefault(name, rounded(as_array(name, array), case.dtype))
    known = {*given, *parameters}
    for name in wrt or ():
        if name not in known:
            way_out = did_you_mean(name, known)
            raise UsageError(f"there is no input '{name}' to differentiate by", way_out=way_out)
    return {
        label: prepared(
            label,
            {**given, **{name: parameters[name] for name in side.parameters}},
            None if wrt is None else [name for name in wrt if name in side.wrt],
        )
        for label, side in first.items()
    }
