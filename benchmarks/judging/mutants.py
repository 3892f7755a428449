"""Wrong gradients: formulas spoiled in the reference, or numbers off by a little.

A bug is a wrong formula, so it does to every dtype the same. A structural mutant spoils the
pullback of one node and runs the reference's chain rule with it; what that changes is then added
to the real recordings, which keep their own rounding errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.judging.recording import Problem
from gradcmp.graph import Graph, Node, Tape, backward, forward
from gradcmp.graph.walk import constants_of
from gradcmp.ops import Array, Pullback
from gradcmp.recording import numpy_dtype

SIZES = (1e-2, 1e-3, 1e-4, 1e-5)
STRUCTURAL = "structural"

Cotangents = tuple["Array | None", ...]
Spoil = Callable[["Site"], "Iterator[tuple[str, Pullback]]"]


@dataclass(frozen=True)
class Mutant:
    """One bug.

    Attributes
    ----------
    kind : str
        ``structural``, ``one 1e-3`` …
    name : str
        What is wrong, and where.
    effects : mapping of str to array
        By input, what the bug adds to the float64 gradient; inputs that it spares are left out.
    """

    kind: str
    name: str
    effects: Mapping[str, Array]


@dataclass(frozen=True)
class Site:
    """A node of a graph and what its pullback is made of."""

    graph: Graph
    node: Node
    operands: tuple[Array, ...]
    value: Array
    pullback: Pullback

    def scaled(self, factor: float | Array) -> Pullback:
        """Return the pullback times a factor, for its first operand alone."""

        def spoiled(dy: Array) -> Cotangents:
            first, *rest = self.pullback(dy)
            return (None if first is None else first * factor, *rest)

        return spoiled

    def masked(self, mask: Array) -> Pullback:
        """Return the pullback of a part of the cotangent; it is linear."""
        return lambda dy: self.pullback(dy * mask)


def structural(problem: Problem, rng: np.random.Generator, count: int) -> Iterator[Mutant]:
    """Return `count` wrong formulas of different classes, fewer where fewer apply."""
    tape = forward(problem.graph, problem.inputs, constants_of(np.dtype(np.float64)))
    truth = problem.reference.gradients
    sites = [_site(problem.graph, node, tape) for node in problem.graph]
    known = [
        (what, site) for what in SPOILS for site in sites if any(True for _ in SPOILS[what](site))
    ]
    by_class = {what: [site for other, site in known if other == what] for what, _ in known}
    found = 0
    while found < count and by_class:
        for what in list(by_class):
            candidates = by_class[what]
            site = candidates.pop(int(rng.integers(len(candidates))))
            if not candidates:
                del by_class[what]
            for name, pullback in SPOILS[what](site):
                effects = _effects(problem, tape, site.node.name, pullback, truth)
                if effects and found < count:
                    found += 1
                    yield Mutant(STRUCTURAL, f"{what}{name} at {site.node.op}", effects)


def elementwise(problem: Problem, rng: np.random.Generator) -> Iterator[Mutant]:
    """Return one element, then all elements, of one gradient off by each size."""
    truth = problem.reference.gradients
    names = [name for name in problem.case.wrt if np.any(truth[name])]
    if not names:
        return
    for size in SIZES:
        name = names[int(rng.integers(len(names)))]
        g = truth[name]
        places = np.argwhere(g != 0)
        at = tuple(places[int(rng.integers(len(places)))])
        one = np.zeros_like(g)
        one[at] = size * g[at]
        yield Mutant(
            f"one {size:.0e}".replace("e-0", "e-"), f"d {name}{list(map(int, at))}", {name: one}
        )
        yield Mutant(f"all {size:.0e}".replace("e-0", "e-"), f"d {name}", {name: size * g})


def applied(gradient: Array, effect: Array, dtype: str) -> Array:
    """Return a recorded gradient as the bug would have made it, rounded to its dtype again."""
    return (np.asarray(gradient, np.float64) + effect).astype(numpy_dtype(dtype))


def _site(graph: Graph, node: Node, tape: Tape) -> Site:
    constant = constants_of(np.dtype(np.float64))
    operands = tuple(
        tape.values[o] if isinstance(o, str) else constant(o.value, "float") for o in node.operands
    )
    return Site(graph, node, operands, tape.values[node.name], tape.pullbacks[node.name])


def _effects(
    problem: Problem, tape: Tape, name: str, pullback: Pullback, truth: Mapping[str, Array]
) -> dict[str, Array]:
    spoiled = replace(tape, pullbacks={**tape.pullbacks, name: pullback})
    with np.errstate(all="ignore"):
        wrong = backward(problem.graph, spoiled, problem.cotangent)
        effects = {key: wrong[key] - truth[key] for key in problem.case.wrt}
    return {key: e for key, e in effects.items() if np.any(e) and np.all(np.isfinite(e))}


def _wrong_sign(site: Site) -> Iterator[tuple[str, Pullback]]:
    yield "", site.scaled(-1.0)


def _missing_factor(site: Site) -> Iterator[tuple[str, Pullback]]:
    """Forget the local derivative where shapes allow, and a factor of two elsewhere."""
    if len(site.operands) == 1 and site.operands[0].shape == site.value.shape:
        yield "", lambda dy: (dy,)
    else:
        yield " 2", site.scaled(0.5)


def _missing_reduction(site: Site) -> Iterator[tuple[str, Pullback]]:
    """Take the first slice where the cotangent of a broadcast operand is a sum of slices."""
    if site.node.op not in BROADCASTING:
        return
    for i, (operand, x) in enumerate(zip(site.node.operands, site.operands, strict=True)):
        lengths = (1,) * (site.value.ndim - x.ndim) + x.shape
        axes = [k for k, n in enumerate(lengths) if n == 1 and site.value.shape[k] > 1]
        if isinstance(operand, str) and axes:
            mask = np.zeros(site.value.shape)
            mask[tuple(0 if k == axes[0] else slice(None) for k in range(mask.ndim))] = 1.0
            yield "", _only(site, i, mask)


def _only(site: Site, i: int, mask: Array) -> Pullback:
    def spoiled(dy: Array) -> Cotangents:
        right, part = list(site.pullback(dy)), site.pullback(dy * mask)
        right[i] = part[i]
        return tuple(right)

    return spoiled


def _wrong_count(site: Site) -> Iterator[tuple[str, Pullback]]:
    """Divide by another n: none, or n - 1."""
    n = site.operands[0].size // max(site.value.size, 1)
    if site.node.op in ("mean", "avg_pool") and n > 1:
        yield "", site.scaled(float(n))
        yield ", n - 1", site.scaled(n / (n - 1))
    elif site.node.op in ("var", "std") and n > 1:
        yield ", n - 1", site.scaled(n / (n - 1))
    elif site.node.op in ("cross_entropy", "layer_norm", "batch_norm"):
        n = site.operands[0].shape[0 if site.node.op != "layer_norm" else -1]
        if n > 1:
            yield ", n - 1", site.scaled(n / (n - 1))
    elif site.node.op == "sum" and n > 1:
        yield ", mean for sum", site.scaled(1 / n)


def _dropped_term(site: Site) -> Iterator[tuple[str, Pullback]]:
    """Leave out one path to an operand that has several, or the inner product of a softmax."""
    if site.node.op == "softmax":
        yield "", lambda dy: (site.value * dy,)
    elif site.node.op == "log_softmax":
        yield "", lambda dy: (dy,)
    sources = [source for node in site.graph for source in node.sources]
    if site.node.sources and sources.count(site.node.sources[0]) > 1:
        yield " of a sum", site.scaled(0.0)


def _eps(site: Site) -> Iterator[tuple[str, Pullback]]:
    if site.node.op in ("layer_norm", "batch_norm"):
        eps = site.node.static.get("eps", 1e-5)
        for factor in (10.0, 0.1):
            static = {**site.node.static, "eps": eps * factor}
            yield f" x {factor:g}", site.node.spec.reference(*site.operands, **static)[1]


def _ties(site: Site) -> Iterator[tuple[str, Pullback]]:
    """Take another branch where an element lies on the kink."""
    x = site.operands[0]
    if site.node.op in ("relu", "abs") and np.any(x == 0):
        yield " at 0", lambda dy: (np.where(x == 0, dy, site.pullback(dy)[0]),)
    elif site.node.op in ("maximum", "minimum") and np.any(x == site.operands[1]):
        tied = np.where(site.operands[0] == site.operands[1], 2.0, 1.0)
        yield ", both", site.masked(tied)


BROADCASTING = frozenset(("add", "subtract", "multiply", "divide", "maximum", "minimum", "where"))
SPOILS: Mapping[str, Spoil] = {
    "wrong sign": _wrong_sign,
    "missing factor": _missing_factor,
    "missing broadcast reduction": _missing_reduction,
    "wrong count": _wrong_count,
    "dropped term": _dropped_term,
    "eps": _eps,
    "branch": _ties,
}
