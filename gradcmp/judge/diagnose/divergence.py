"""Where two backends first part, for each tensor among those that it is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gradcmp.derivatives import is_derived
from gradcmp.graph.records import Outline
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import Divergence

GRADIENT = "d "


def divergences(outline: Outline, comparisons: Mapping[str, Comparison]) -> dict[str, Divergence]:
    """Follow every tensor of one pair that disagrees back to where the two sides first part.

    First in the order of the graph, and of gradients in that of the backward pass.

    A value comes from the nodes that it depends on. A gradient comes from the gradients of the
    nodes that use its tensor; the pullback at the first that parts may have read wrong values.
    A tensor that one side lacks has not parted: it is passed over, whatever comes through it.
    """
    wrong = [
        name
        for name, comparison in comparisons.items()
        if not comparison.agrees and comparison.verdict.reason != "missing"
    ]
    if not wrong:
        return {}
    reads = outline.reads
    names = (*outline.inputs, *reads)
    used: dict[str, list[str]] = {name: [] for name in names}
    for node, sources in reads.items():
        for name in sources:
            used[name].append(node)
    known = (*names, *(GRADIENT + name for name in reversed(names)))
    order = {name: place for place, name in enumerate(dict.fromkeys((*known, *wrong)))}
    order = {name: order[name] for name in wrong}
    forward: dict[str, str | None] = {}
    for name in names:
        forward[name] = _first(order, name, (forward[one] for one in reads.get(name, ())))
    backward: dict[str, str | None] = {}
    for name in (*reversed(reads), *outline.inputs):
        backward[name] = _first(order, GRADIENT + name, (backward[node] for node in used[name]))

    def divergence(name: str) -> Divergence:
        if is_derived(name):  # it comes from all values, and its gradient from the same pullbacks
            slopes = _first(order, "", backward.values())
            return Divergence(_first(order, "", forward.values()), slopes)
        if not name.startswith(GRADIENT):
            return Divergence(forward.get(name, name), None)
        first = backward.get(name.removeprefix(GRADIENT)) or name
        users = used.get(first.removeprefix(GRADIENT), ())
        read = dict.fromkeys(one for node in users for one in (node, *reads[node]))
        values = (forward[one] for one in read if one in order)
        return Divergence(_first(order, "", values), first)

    return {name: divergence(name) for name in wrong}


def _first(order: Mapping[str, int], name: str, others: Iterable[str | None]) -> str | None:
    """Return the first of what disagrees: a tensor itself, or what its sources come from."""
    found = [one for one in (name, *others) if one is not None and one in order]
    return min(found, key=lambda one: order[one], default=None)
