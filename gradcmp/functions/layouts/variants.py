"""Which layouts a function can be run in, the likeliest to be wrong first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gradcmp.case import Shape
from gradcmp.native.layouts.layout import LAST, TRANSPOSED, Layout
from gradcmp.native.outcome import Outcome
from gradcmp.native.side import Side


def shapes_of(side: Side, plain: Outcome) -> dict[str, dict[str, Shape]]:
    """Return the shapes of what has a layout, by target and name."""
    real = {n: tuple(a.shape) for n, a in plain.outputs.items() if a.dtype.kind not in "iub"}
    inputs = {
        name: tuple(array.shape)
        for name, array in side.inputs.items()
        if name not in side.parameters
    }
    return {"cotangent": real, "input": inputs}


def variants(shapes: Mapping[str, Mapping[str, Shape]]) -> tuple[Layout, ...]:
    """Return the layouts that apply to an output or an input, or to how gradients are asked for.

    One that applies to a single one of several names it.
    """
    return tuple(_named(one, shapes) for one in _wished(shapes) if _applies(one, shapes))


def _named(layout: Layout, shapes: Mapping[str, Mapping[str, Shape]]) -> Layout:
    names, several = covered(layout, shapes), len(shapes.get(layout.target, ())) > 1
    return layout.of_one(names[0]) if several and len(names) == 1 else layout


def _wished(shapes: Mapping[str, Mapping[str, Shape]]) -> Iterator[Layout]:
    outputs, inputs = shapes["cotangent"], shapes["input"]
    rows = dict.fromkeys(-len(shape) for shape in outputs.values() if len(shape) > 1)
    yield Layout("cotangent", "expanded")
    yield Layout("cotangent", "transposed", TRANSPOSED)
    yield from (Layout("cotangent", "expanded", axis) for axis in rows)
    yield Layout("input", "transposed", TRANSPOSED)
    yield Layout("cotangent", "narrowed", LAST)
    if len(outputs) > 1:
        yield from (Layout("cotangent", "absent", names=(name,)) for name in outputs)
    yield Layout("backward", "twice")
    yield Layout("backward", "accumulated")
    yield Layout("backward", "zero")
    yield Layout("cotangent", "channels-last")
    yield Layout("input", "channels-last")
    yield Layout("cotangent", "strided")
    yield Layout("input", "strided")
    yield Layout("cotangent", "transposed", TRANSPOSED - 1)
    yield Layout("input", "transposed", TRANSPOSED - 1)
    yield Layout("cotangent", "expanded", LAST)
    yield from (Layout("cotangent", "narrowed", axis) for axis in rows)
    batches = dict.fromkeys(-len(shape) for shape in inputs.values() if len(shape) > 1)
    yield from (Layout("input", "expanded", axis) for axis in batches)


def _applies(layout: Layout, shapes: Mapping[str, Mapping[str, Shape]]) -> bool:
    return layout.target == "backward" or bool(covered(layout, shapes)) or layout.form == "absent"


def covered(layout: Layout, shapes: Mapping[str, Mapping[str, Shape]]) -> tuple[str, ...]:
    """Return the outputs or inputs that lie otherwise in a layout."""
    known = shapes.get(layout.target, {})
    return tuple(
        name
        for name, shape in known.items()
        if layout.covers(layout.target, name) and layout.applies(shape)
    )
