"""Shapes and kinds of every node, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradcmp.case import MAX_AXES
from gradcmp.errors import GraphError, together
from gradcmp.graph.records import STEP, Constant, Graph, Node
from gradcmp.ops import ArraySpec, ShapeError
from gradcmp.ops.complexes.meaning import NEEDS_COMPLEX, NO_MEANING, inferred
from gradcmp.ops.spec import CONTINUOUS, Kind

RESHAPE = "Change a shape, or reshape or transpose an operand"


def infer(graph: Graph, inputs: Mapping[str, ArraySpec], dtype: str = "") -> dict[str, ArraySpec]:
    """Return the shape and kind of every input and node.

    Parameters
    ----------
    dtype : str
        What errors call the dtype of complex numbers, where it is known.

    Raises
    ------
    GraphError
        Naming file, line, node, op and all shapes, when operands do not fit or a result has too
        many axes.
    """
    specs = dict(inputs)
    errors = []
    for node in graph:
        if not all(source in specs for source in node.sources):
            continue  # one of them is wrong already
        try:
            specs[node.name] = _infer(node, specs, dtype)
        except GraphError as error:
            errors.append(error)
    if errors:
        raise together(errors)
    return specs


def require_gradient(graph: Graph, specs: Mapping[str, ArraySpec]) -> None:
    """Refuse a graph whose output is of no real and no complex numbers.

    Raises
    ------
    GraphError
    """
    if (kind := specs[graph.output].kind) not in CONTINUOUS:
        raise GraphError(
            f"node '{graph.output}': the output is of kind '{kind}', and has no gradient",
            where=next(node.where for node in graph if node.name == graph.output),
            way_out="Name a node of real numbers as 'output'",
        )


def operands_of(node: Node, specs: Mapping[str, ArraySpec]) -> list[ArraySpec | None]:
    """Return what is known of each operand; None for one that is left out."""
    return [
        _number(node, operand, specs)
        if isinstance(operand, Constant)
        else None
        if operand is None
        else specs[operand]
        for operand in node.operands
    ]


def _infer(node: Node, specs: Mapping[str, ArraySpec], dtype: str) -> ArraySpec:
    operands = operands_of(node, specs)
    try:
        spec = inferred(node.spec, operands, node.static)
        _require_axes(spec)
        _require_whole(node, spec)
    except ShapeError as error:
        raise _misfit(node, operands, str(error), dtype) from None
    return spec


def _require_axes(spec: ArraySpec) -> None:
    if len(spec.shape) > MAX_AXES:
        raise ShapeError(
            f"the result has {len(spec.shape)} axes, and an array may have at most {MAX_AXES}"
        )


def _require_whole(node: Node, spec: ArraySpec) -> None:
    """Refuse a power of complex numbers that has several values, or a slope along its exponent."""
    if node.op != "power" or spec.kind != "complex":
        return
    exponent = node.operands[1]
    if not isinstance(exponent, Constant) or exponent.value % 1 != 0:
        raise ShapeError("complex numbers have whole numbers for exponents, written out")


def kind_of(node: Node, constant: Constant, specs: Mapping[str, ArraySpec]) -> Kind:
    """Return the kind a number takes: that of the arrays beside it, real when one of them is."""
    if isinstance(constant.value, bool):
        return "bool"
    beside = {specs[source].kind for source in node.sources}
    if "complex" in beside:
        return "complex"
    return "int" if isinstance(constant.value, int) and beside == {"int"} else "float"


def _number(node: Node, constant: Constant, specs: Mapping[str, ArraySpec]) -> ArraySpec:
    """Return the spec of a number, which must be an int64 where it stands among integers."""
    kind = kind_of(node, constant, specs)
    if kind == "int" and not -(2**63) <= constant.value < 2**63:
        raise GraphError(
            f"node '{node.name.partition(STEP)[0]}': {constant.value} does not fit into 64 bits",
            where=node.where,
            way_out="Write it as a real number, with a point",
        )
    return ArraySpec((), kind)


def _misfit(
    node: Node, operands: Sequence[ArraySpec | None], reason: str, dtype: str
) -> GraphError:
    shapes = ", ".join(
        f"{operand.value if isinstance(operand, Constant) else operand} {spec.shape}"
        for operand, spec in zip(node.operands, operands, strict=True)
        if spec is not None
    )
    name = node.name.partition("/")[0]
    way_out = RESHAPE if "cannot be broadcast" in reason or "inner axes" in reason else None
    if NEEDS_COMPLEX in reason:
        way_out = "Choose dtype complex64 or complex128"
    if NO_MEANING in reason:
        other = f", or choose another dtype than {dtype}" if dtype else ""
        way_out = f"Take real(), imag() or abs() of them{other}"
    return GraphError(
        f"node '{name}': {node.op}({shapes}): {reason}", where=node.where, way_out=way_out
    )
