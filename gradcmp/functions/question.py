"""What is asked of functions: a case without a graph, its arrays and its cotangents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gradcmp import inputs as drawn
from gradcmp.case import BackendSpec, Case, Cotangent, DType, InputSpec
from gradcmp.config import parse_input
from gradcmp.native.arranging.trees import Tree, flat_of, tree_of
from gradcmp.native.arrays import as_array
from gradcmp.native.side import Function
from gradcmp.recording import Array


def taken_apart(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tree]]:
    """Return all arrays by dotted names, and by input the containers that they were taken from."""
    found = {name: tree_of(name, given) for name, given in inputs.items()}
    trees = {name: tree for name, tree in found.items() if tree is not None}
    return flat_of(inputs), trees


def case_of(
    name: str,
    inputs: Mapping[str, Any],
    functions: Mapping[str, Function],
    dtype: DType,
    seed: int,
    cotangent: Cotangent,
    strict: bool,
    device: str,
) -> Case:
    """Return the case: a backend for each function, by its label, and no graph."""
    specs = {one: _spec(one, given) for one, given in inputs.items()}
    sides = tuple(BackendSpec(label, dtype=dtype, device=device) for label in functions)
    return Case(
        name,
        specs,
        {},
        "output",
        (),
        sides,
        seed=seed,
        cotangent=cotangent,
        dtype=dtype,
        strict=strict,
    )


def _spec(name: str, given: Any) -> InputSpec:
    if isinstance(given, InputSpec):
        return given
    if isinstance(given, str):
        return parse_input(name, given, dotted="." in name)
    return InputSpec("values", as_array(name, given).shape)


def arrays_of(case: Case, inputs: Mapping[str, Any]) -> dict[str, Array]:
    """Return all inputs, rounded to what the dtype of the case holds."""
    written = {
        name: spec
        for name, spec in case.inputs.items()
        if isinstance(inputs[name], str | InputSpec)
    }
    arrays = drawn.draw(replace(case, inputs=written))
    for name, given in inputs.items():
        if name not in written:
            arrays[name] = rounded(as_array(name, given), case.dtype)
    return {name: arrays[name] for name in inputs}


def rounded(array: Array, dtype: DType) -> Array:
    """Return real numbers as a dtype holds them, in float64."""
    return drawn.round_to(array, dtype) if array.dtype.kind == "f" else array
