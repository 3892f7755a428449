"""What is right by another convention, at a point of complex numbers where there are several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcmp.case import BackendSpec
from gradcmp.dtypes.arrays import Array, Mask
from gradcmp.graph import Graph, Tape, backward
from gradcmp.graph.records import STEP, Node
from gradcmp.graph.walk import constants_of, held_by
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.conventions.cited import differs
from gradcmp.judge.conventions.nonfinite import same
from gradcmp.judge.verdict import Pair
from gradcmp.ops import Op, Pullback
from gradcmp.ops.complexes.kinks import ComplexKink
from gradcmp.ops.conventions import Conventions
from gradcmp.parts.meant import meaning
from gradcmp.recording import Outcome, Recording

ROUNDING = 1e-12  # relative: what another order of operations leaves in float64


@dataclass(frozen=True)
class Chosen:
    """The reference, as a side that was measured to have another convention would compute it.

    Attributes
    ----------
    graph : Graph
        With that convention, at the points where the side shows it.
    known : Recording
        What the reference computes by it; NaN where no slope is right.
    usual : Recording
        What the reference computes.
    points : tuple of str
        ``sqrt at x = -1 - 0i, in out``.
    """

    graph: Graph
    known: Recording
    usual: Recording
    points: tuple[str, ...]

    def is_as(self, other: Chosen) -> bool:
        """Whether another side chose the same."""
        both = self.known.tensors, other.known.tensors
        return all(np.array_equal(x, both[1][name], equal_nan=True) for name, x in both[0].items())

    def settled(self, side: Recording) -> Recording:
        """Return a recording with NaN for whatever is not finite where no slope is right."""
        return _replaced(side, self.known, self.known, lambda ours, _, x: _unset(ours, x))

    def usually(self, side: Recording) -> Recording:
        """Return a recording with the reference's numbers wherever the convention counts."""
        return _replaced(side, self.known, self.usual, lambda ours, usual, _: _apart(ours, usual))

    def counts(self, name: str) -> Mask:
        """Return in which elements of a tensor the convention counts."""
        return _apart(self.known.tensors[name], self.usual.tensors[name])


def chosen(
    graph: Graph, known: Recording, side: Recording, spec: BackendSpec, table: Conventions
) -> Chosen | None:
    """Return the reference by a side's convention; None where it shows no other.

    Only at points where the backend was measured to have another: on a cut where the side's own
    value shows that it went to the other side, and where there is no slope in a gradient alone.
    """
    if not any(isinstance(kink, ComplexKink) for node in graph for kink in node.spec.kinks):
        return None
    constant = constants_of(np.dtype(np.float64))
    values = {name: known.values[name] for name in graph.inputs}
    nodes: list[Node] = []
    pullbacks: dict[str, Pullback] = {}
    said: list[str] = []
    with np.errstate(all="ignore"):
        for node in graph:
            taken, held = node, held_by(node, values, constant)
            for kink, where in _met(node, held, side, spec, table):
                taken = meaning(node, _turned(taken.spec, kink, where))
                said.append(f"{node.op} at {kink.name}, in {node.name.partition(STEP)[0]}")
            value, pullbacks[node.name] = taken.spec.reference(*held, **node.static)
            values[node.name] = np.asarray(value)
            nodes.append(taken)
        if not said:
            return None
        turned = replace(graph, nodes=tuple(nodes))
        slopes = backward(turned, Tape(values, pullbacks), known.gradients[graph.output])
    found = replace(
        known,
        values={name: values.get(name, x) for name, x in known.values.items()},
        gradients={name: slopes.get(name, x) for name, x in known.gradients.items()},
    )
    return Chosen(turned, found, known, tuple(dict.fromkeys(said)))


def _met(
    node: Node, held: list[Any], side: Recording, spec: BackendSpec, table: Conventions
) -> Iterator[tuple[ComplexKink, Mask]]:
    """Return the points that a node is at, and at which elements a side chose otherwise."""
    for kink in node.spec.kinks:
        if not isinstance(kink, ComplexKink) or kink.at is None:
            continue
        where = kink.at(held[0])
        if not where.any() or not differs(node, kink, spec, table):
            continue
        if kink.across:
            where = where & _across(node, kink, held, side)
        elif not _has_no_slope(node, kink, spec, table):
            continue
        if where.any():
            yield kink, where


def _has_no_slope(node: Node, kink: ComplexKink, spec: BackendSpec, table: Conventions) -> bool:
    """Whether a backend was measured to give no number for the slope."""
    slope = table.answer(node.spec, kink, spec.name, spec.mode).partition(", d ")[2]
    return "nan" in slope or "inf" in slope


def _across(node: Node, kink: ComplexKink, held: list[Any], side: Recording) -> Mask:
    """Return where a side's own value is nearer to that across a cut; anywhere if not recorded."""
    reference, static = node.spec.reference, node.static
    here, there = (
        reference(x, *held[1:], **static)[0]
        for x in (held[0], _flipped(held[0], kink.at(held[0])))  # type: ignore[misc]
    )
    own = side.values.get(node.name)
    if own is None or own.shape != here.shape:
        return np.ones(here.shape[:-1], np.bool_)
    apart = [np.sum(np.square(np.asarray(own, np.float64) - x), axis=-1) for x in (there, here)]
    nearer: Mask = apart[0] < apart[1]
    return nearer


def _flipped(x: Any, where: Mask) -> Any:
    """Return parts with another sign of the imaginary one, where it is a zero's."""
    imaginary = np.stack([np.zeros_like(where), where], axis=-1)
    return np.where(imaginary, -x, x)


def _turned(op: Op, kink: ComplexKink, where: Mask) -> Op:
    """Return an op that answers otherwise at some elements of its first operand."""

    def reference(x: Any, *rest: Any, **static: Any) -> tuple[Array, Pullback]:
        if kink.across:
            return op.reference(_flipped(x, where), *rest, **static)
        y, pullback = op.reference(x, *rest, **static)

        def back(dy: Array) -> tuple[Array | None, ...]:
            dx, *others = pullback(dy)
            return (np.where(where[..., None], np.nan, dx), *others)  # type: ignore[arg-type]

        return y, back

    return replace(op, reference=reference)


def _unset(ours: Array, theirs: Array) -> Mask:
    found: Mask = np.isnan(ours) & ~np.isfinite(theirs)
    return found


def _alike(known: Array, x: Array) -> bool:
    return known.shape == x.shape and known.dtype.kind == x.dtype.kind


def _apart(ours: Array, usual: Array) -> Mask:
    """Return where two arrays in float64 differ by more than rounding."""
    found: Mask = ours != usual
    if ours.dtype.kind == "f":
        with np.errstate(all="ignore"):
            size = np.maximum(np.abs(ours), np.abs(usual))
            found = ~((np.abs(ours - usual) <= ROUNDING * size) | same(ours, usual))
    return found


def _replaced(side: Recording, ours: Recording, by: Recording, where: Any) -> Recording:
    """Return a recording with other numbers at some elements; shapes that differ are left."""

    def moved(arrays: Mapping[str, Array], known: Any, others: Any) -> dict[str, Array]:
        return {
            name: np.where(where(known[name], others[name], x), others[name], x).astype(x.dtype)
            if name in known and _alike(known[name], x)
            else x
            for name, x in arrays.items()
        }

    with np.errstate(all="ignore"):
        values = moved(side.values, ours.values, by.values)
        gradients = moved(side.gradients, ours.gradients, by.gradients)
    return replace(side, values=values, gradients=gradients)


def usual(outcomes: Mapping[str, Outcome], found: Mapping[str, Chosen]) -> dict[str, Outcome]:
    """Return recordings with the reference's numbers wherever another convention counts."""
    return {
        label: found[label].usually(one) if label in found and isinstance(one, Recording) else one
        for label, one in outcomes.items()
    }


def by_choice(
    pair: Pair, comparisons: Mapping[str, Comparison], found: Mapping[str, Chosen]
) -> dict[str, Comparison]:
    """Return comparisons that say *kink* where all else agrees and a convention counts."""
    sides = {label: found[label] for label in (pair.actual, pair.expected) if label in found}

    def judged(name: str, one: Comparison) -> Comparison:
        counts = [side.counts(name) for side in sides.values() if name in side.known.tensors]
        reached = np.logical_or.reduce(counts) if counts else np.zeros(())
        if not one.agrees or not reached.any():
            return one
        points = "; ".join(dict.fromkeys(p for side in sides.values() for p in side.points))
        detail = (
            f"{', '.join(sides)}: another convention for {points}, which counts in "
            f"{np.count_nonzero(reached)} of {reached.size} elements; by that it is right"
        )
        return replace(one, verdict=Verdict(True, "kink", detail))

    return {name: judged(name, one) for name, one in comparisons.items()}
