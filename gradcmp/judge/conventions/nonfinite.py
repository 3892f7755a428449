"""NaN and infinities: what all sides have alike proves nothing, and of a NaN input ops differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from gradcmp.dtypes.arrays import Array, Mask
from gradcmp.graph import Graph, backward, forward
from gradcmp.graph.records import Outline
from gradcmp.graph.walk import constants_of
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.elementwise.segments import LONGEST
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Outcome, Recording

GRADIENT = "d "
SIZES = (0.3, -0.3, 1.0, -1.0, 3.0, -3.0, 30.0, -30.0)  # of the numbers that stand for NaN
ROUGHLY = 1e-2  # relative: conventions are whole numbers and halves apart, rounding is not


@dataclass(frozen=True)
class NonFinite:
    """What is not finite in one recording of finite inputs.

    Attributes
    ----------
    counts : mapping of str to int
        How many elements, by tensor, as on screen; only of those that have some.
    born : str
        Where the first came about, in words.
    """

    counts: Mapping[str, int]
    born: str


def nonfinite(outline: Outline, recordings: Mapping[str, Recording]) -> dict[str, NonFinite]:
    """Return, by label, what is not finite though nothing that it is made from is.

    An infinity in an input may be meant, as a mask is: it may lead to infinities, and to NaN it
    may not. Of what a NaN in an input leads to nothing is said.
    """
    found = {}
    for label, recording in recordings.items():
        if not _has_nonfinite([*recording.tensors.values()]):
            continue
        given = [recording.tensors[name] for name in outline.inputs if name in recording.tensors]
        masks = _has_nonfinite(given)
        if masks and any(count(array, infinities=False) for array in given):
            continue
        counts = {
            name: number
            for name, array in recording.tensors.items()
            if name not in outline.inputs and (number := count(array, infinities=not masks))
        }
        if counts:
            found[label] = NonFinite(counts, _born(outline, counts))
    return found


def warned(
    pair: Pair, comparisons: Mapping[str, Comparison], found: Mapping[str, NonFinite]
) -> dict[str, Comparison]:
    """Return comparisons of which none agrees without a word where something is not finite."""
    sides = [found[label] for label in (pair.actual, pair.expected) if label in found]

    def judged(name: str, comparison: Comparison) -> Comparison:
        counts = [side.counts[name] for side in sides if name in side.counts]
        if not counts or not comparison.agrees or comparison.verdict.reason == "non-finite":
            return comparison
        detail = (
            f"NaN or infinity in {max(counts)} of {comparison.total} elements of both, "
            f"{sides[0].born}"
        )
        return replace(comparison, verdict=Verdict(True, "non-finite", detail))

    return {name: judged(name, comparison) for name, comparison in comparisons.items()}


def conventions(graph: Graph, reference: Recording) -> dict[str, Mask]:
    """Return, by tensor, the elements that a NaN in an input reaches through an op that compares.

    No number is larger or smaller than NaN: which branch such an op takes, and what its gradient
    is, no mathematics says. What is reached changes when numbers take the place of the NaN.
    """
    given = {name: reference.values[name] for name in graph.inputs if name in reference.values}
    if not _has_nonfinite([*given.values()]):
        return {}
    open_names = {name for name, x in given.items() if count(x, infinities=False)}
    if not open_names:
        return {}
    strange = {name: np.isnan(given[name]) for name in open_names}
    compares = False
    for node in graph:
        if not open_names.isdisjoint(node.sources):
            open_names.add(node.name)
            compares |= node.spec.compares
    if not compares:
        return {}
    first, *others = (_with_numbers(graph, reference, strange, size) for size in SIZES)
    return {
        name: np.logical_or.reduce([~same(array, other[name]) for other in others])
        for name, array in first.items()
        if array.dtype.kind == "f"
    }


def _with_numbers(
    graph: Graph,
    reference: Recording,
    strange: Mapping[str, Mask],
    size: float,
) -> dict[str, Array]:
    """Return every tensor with random numbers of some size for NaN in inputs."""
    inputs = {name: reference.values[name] for name in graph.inputs}
    rng = np.random.default_rng(0)
    for name, mask in strange.items():
        drawn = size * rng.standard_normal(mask.shape)
        inputs[name] = np.where(mask, drawn, inputs[name])
    with np.errstate(all="ignore"):
        tape = forward(graph, inputs, constants_of(np.dtype(np.float64)))
        gradients = backward(graph, tape, reference.gradients[graph.output])
    return {**tape.values, **{GRADIENT + name: dx for name, dx in gradients.items()}}


def without_conventions(
    outcomes: Mapping[str, Outcome], reference: Recording, masks: Mapping[str, Mask]
) -> dict[str, Outcome]:
    """Return recordings with the reference's numbers wherever they have other conventions."""
    with np.errstate(all="ignore"):
        return {
            label: replace(
                one,
                values=_alike("", one.values, reference.values, masks),
                gradients=_alike(GRADIENT, one.gradients, reference.gradients, masks),
            )
            if isinstance(one, Recording)
            else one
            for label, one in outcomes.items()
        }


def _alike(
    prefix: str, arrays: Mapping[str, Array], known: Mapping[str, Array], masks: Mapping[str, Mask]
) -> dict[str, Array]:
    found = dict(arrays)
    for name, array in arrays.items():
        other = _differs(array, known.get(name), masks.get(prefix + name))
        if other is not None:
            found[name] = np.where(other, known[name].astype(array.dtype), array)
    return found


def by_convention(
    pair: Pair,
    comparisons: Mapping[str, Comparison],
    outcomes: Mapping[str, Outcome],
    masks: Mapping[str, Mask],
) -> dict[str, Comparison]:
    """Return comparisons that say *kink* where all else agrees and a convention differs."""
    sides = outcomes[pair.actual], outcomes[pair.expected]
    actual, expected = (one.tensors if isinstance(one, Recording) else {} for one in sides)

    def judged(name: str, comparison: Comparison) -> Comparison:
        if not comparison.agrees or name not in masks:
            return comparison
        other = _differs(actual[name], expected.get(name), masks[name]) if name in actual else None
        if other is None:
            return comparison
        index = tuple(map(int, np.argwhere(other)[0]))
        detail = (
            f"an input is NaN, and what becomes of it in {np.count_nonzero(other)} of "
            f"{other.size} elements, as at {index}, is a convention of each library"
        )
        return replace(comparison, verdict=Verdict(True, "kink", detail))

    return {name: judged(name, comparison) for name, comparison in comparisons.items()}


def _differs(actual: Array, expected: Array | None, mask: Mask | None) -> Mask | None:
    """Return where two arrays differ by more than rounding in a mask; None if nowhere."""
    if expected is None or mask is None or not actual.shape == expected.shape == mask.shape:
        return None
    a, e = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    with np.errstate(all="ignore"):
        close = np.abs(a - e) <= ROUGHLY * np.maximum(np.abs(a), np.abs(e))
    other: Mask = mask & ~(close | same(a, e))
    return other if other.any() else None


def same(actual: Array, expected: Array) -> Mask:
    """Return where two arrays are the same number, or both NaN."""
    equal: Mask = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    return equal


def count(array: Array, infinities: bool = True) -> int:
    """Return how many elements are NaN, or infinite."""
    if array.dtype.kind not in "fcV" or not array.size:
        return 0
    with np.errstate(all="ignore"):
        total = np.add.reduce(array, None)
        if np.isfinite(total):
            return 0
        return int(np.count_nonzero(~np.isfinite(array) if infinities else np.isnan(array)))


def _has_nonfinite(arrays: Sequence[Array]) -> bool:
    """Whether any element is NaN or infinite; small arrays take less time together."""
    arrays = [*{id(array): array for array in arrays}.values()]  # recordings may share some
    small = [array for array in arrays if array.dtype.kind == "f" and array.size <= LONGEST]
    large = (array for array in arrays if array.dtype.kind != "f" or array.size > LONGEST)
    with np.errstate(invalid="ignore"):  # a signalling NaN that is widened
        together = [np.concatenate(small, None)] if small else []
    return any(map(count, chain(together, large)))


def _born(outline: Outline, counts: Mapping[str, int]) -> str:
    """Describe where the first of what is not finite came about.

    In the forward pass at the first node that has one; in the backward pass, in the pullback that
    makes one from numbers that are finite.
    """
    reads = outline.reads
    values = [name for name in reads if name in counts]
    if values:
        return f"from node '{values[0]}' on"
    for name in (*reversed(reads), *outline.inputs):
        if GRADIENT + name in counts:
            users = _users(reads, name)
            finite = [user for user in users if GRADIENT + user not in counts]
            maker = finite or users or [name]
            return f"from the pullback of node '{maker[-1]}' on"
    return "in a step of an expression"


def _users(reads: Mapping[str, Iterable[str]], name: str) -> list[str]:
    return [node for node, sources in reads.items() if name in sources]
