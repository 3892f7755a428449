"""A graph of complex numbers as a graph of real ones, with an axis of two: the parts.

Of a real loss L the gradient of a pair is (dL/dRe, dL/dIm): what torch and TensorFlow call the
gradient of a complex number. So noise, kinks, slopes and causes are those of a real graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcmp.case import Case
from gradcmp.dtypes import COMPLEX
from gradcmp.errors import GraphError
from gradcmp.graph import Graph, build, infer
from gradcmp.ops import Array, ArraySpec, Op, Pullback
from gradcmp.ops.complexes.kinks import KINKS
from gradcmp.ops.complexes.meaning import OWN, REFERENCES
from gradcmp.ops.primitives import unbroadcast
from gradcmp.ops.spec import Kind
from gradcmp.parts.meant import complexes, is_complex, meaning, over_complex
from gradcmp.parts.pair import Pair

Specs = Mapping[str, ArraySpec]


def graph_of(case: Case, inputs: Specs) -> Graph:
    """Return the graph of a case, of real numbers: `inputs` are in parts where it is complex.

    Raises
    ------
    GraphError
        As `build` and `infer`.
    """
    graph = build(case)
    if case.dtype not in COMPLEX:
        return graph
    whole = {name: _whole(spec) if spec.kind == "float" else spec for name, spec in inputs.items()}
    return in_real_numbers(graph, infer(graph, whole))


def in_real_numbers(graph: Graph, specs: Specs) -> Graph:
    """Return a graph that computes the same on arrays of parts."""
    import gradcmp.parts.composed  # noqa: F401  what primitives are of parts: for such graphs alone

    meant = over_complex(graph, specs)
    nodes = (
        meaning(node, _in_parts(node.spec, complexes(node, specs), is_complex(specs[node.name])))
        for node in meant
    )
    whole = frozenset(name for name, spec in specs.items() if is_complex(spec))
    return replace(graph, nodes=tuple(nodes), whole=whole)


def parts_of(specs: Specs) -> dict[str, ArraySpec]:
    """Return what is known of arrays when they are in parts."""
    return {name: _parts(spec) for name, spec in specs.items()}


def require_dtype(specs: Specs, graph: Graph, case: Case) -> None:
    """Refuse complex numbers in a case of real ones.

    Raises
    ------
    GraphError
    """
    for node in graph:
        if is_complex(specs[node.name]) and case.dtype not in COMPLEX:
            raise GraphError(
                f"node '{node.name.partition('/')[0]}': {node.op} gives complex numbers, and the "
                f"case computes in {case.dtype}",
                where=node.where,
                way_out="Choose dtype complex64 or complex128",
            )


def _whole(spec: ArraySpec) -> ArraySpec:
    return ArraySpec(spec.shape[:-1], "complex")


def _parts(spec: ArraySpec) -> ArraySpec:
    return ArraySpec((*spec.shape, 2), "float") if is_complex(spec) else spec


def _in_parts(op: Op, operands: Sequence[bool], result: bool) -> Op:
    """Return an op that takes some operands in parts, and gives its result so or as it is."""
    if not result and not any(operands):
        return op

    def reference(*arrays: Any, **static: Any) -> tuple[Array, Pullback]:
        if op.name == "complex":
            return _joined(*arrays)
        held = [_pair(x) if is_pair else x for x, is_pair in zip(arrays, operands, strict=True)]
        y, pullback = op.reference(*held, **static)

        def back(dy: Array) -> tuple[Array | None, ...]:
            found = pullback(_conjugate(_pair(dy)) if result else dy)
            return tuple(
                _split(_conjugate(dx)) if is_pair and dx is not None else dx
                for dx, is_pair in zip(found, operands, strict=True)
            )

        return _split(y) if result else y, back

    kind: Kind = "complex" if op.name in OWN else "float"

    def wholes(specs: Sequence[ArraySpec | None]) -> list[ArraySpec | None]:
        both = zip(specs, operands, strict=True)
        return [ArraySpec(s.shape[:-1], kind) if s and is_pair else s for s, is_pair in both]

    def shapes(*specs: ArraySpec | None, **static: Any) -> ArraySpec:
        found = op.infer(*wholes(specs), **static)
        return ArraySpec((*found.shape, 2), "float") if result else found

    def bounds(*specs: ArraySpec | None, **static: Any) -> Any:
        assert op.bounds is not None
        return op.bounds(*wholes(specs), **static)

    return replace(
        op,
        reference=reference,
        infer=shapes,
        bounds=op.bounds and bounds,
        kinks=tuple(one.of_parts() for one in KINKS.get(op.name, ()) if operands[0]),
        compares=op.compares and op.name not in REFERENCES,
    )


def _pair(parts: Array) -> Any:
    return Pair(parts[..., 0], parts[..., 1])


def _conjugate(x: Any) -> Any:
    return Pair(x.re, -x.im) if isinstance(x, Pair) else x


def _split(x: Any) -> Array:
    """Return the parts of a pair on a last axis; of real numbers, too."""
    re, im = (x.re, x.im) if isinstance(x, Pair) else (x, 0 * x)
    both: Array = np.stack([re, im], axis=-1)
    return both


def _joined(re: Array, im: Array) -> tuple[Array, Pullback]:
    """Return parts of two arrays of real numbers, which broadcast."""
    shape = np.broadcast_shapes(np.shape(re), np.shape(im))
    wide = [np.broadcast_to(x, shape, subok=True) for x in (re, im)]

    def pullback(dz: Array) -> tuple[Array, Array]:
        return unbroadcast(dz[..., 0], re), unbroadcast(dz[..., 1], im)

    return np.stack(wide, axis=-1), pullback
