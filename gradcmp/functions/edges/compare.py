"""Functions of the user compared at edge shapes and edge values: `compare_at_edges`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcmp.case import DType
from gradcmp.errors import UsageError
from gradcmp.functions.compare import compare_functions
from gradcmp.functions.edges.smallest import with_smallest
from gradcmp.inputs.edge_cases import EdgeCase, edge_cases
from gradcmp.inputs.edges import EDGES
from gradcmp.judge import CaseVerdict
from gradcmp.native.arrays import as_array


def compare_at_edges(
    functions: Mapping[str, Any],
    inputs: Mapping[str, Any],
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    values: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
    name: str = "functions",
    **options: Any,
) -> dict[str, CaseVerdict]:
    """Compare functions at edge shapes and edge values, as `compare_functions` does at one.

    Parameters
    ----------
    functions, inputs, **options
        As `compare_functions` takes them. A shape may name lengths: ``"normal:nx64"``.
    shapes : mapping of str to sequence of int, optional
        Lengths by name: ``{"n": [0, 1, 63, 64, 65, 127]}``. Several are combined, up to 64 times.
    values : sequence of str, or mapping of str to sequence of str, optional
        ``["ties", "large", "subnormal", "masked", "zero_rows", "unnormalized"]``: each real input
        that is drawn has them in turn; or by input, arrays too.

    Returns
    -------
    dict of str to CaseVerdict
        By what was chosen: ``"n=65"``, ``"n=65,x=ties"``; `CaseVerdict.smallest` says where what
        disagrees begins to.

    Raises
    ------
    GradcmpError
        As `compare_functions`, and for lengths and values that do not fit.
    """

    dtype = options.get("dtype", "float32")

    def at(edge: EdgeCase, sizes: Mapping[str, int]) -> CaseVerdict:
        edge = replace(edge, sizes=sizes)
        given = {one: _chosen(edge, one, spec, dtype) for one, spec in inputs.items()}
        verdict = compare_functions(functions, given, name=_named(name, edge), **options)
        return replace(verdict, case=replace(verdict.case, sizes=sizes))

    found = {}
    for edge in edge_cases(inputs, shapes, values):
        verdict = at(edge, edge.sizes)
        found[str(edge) or name] = with_smallest(verdict, edge.sizes, partial(at, edge))
    return found


def _named(name: str, edge: EdgeCase) -> str:
    return f"{name}[{edge}]" if str(edge) else name


def _chosen(edge: EdgeCase, name: str, given: Any, dtype: DType) -> Any:
    """Return an input for a choice: a specification, or an array with other numbers."""
    if isinstance(given, str):
        return edge.input(name, given)
    if name not in edge.edges:
        return given
    array = as_array(name, given)
    if array.dtype.kind != "f":
        raise UsageError(f"input '{name}' is not real, and has no edge values")
    return EDGES[edge.edges[name]](array, np.random.default_rng(0), (dtype,))
