"""Wrong gradients: formulas spoiled in the reference, or numbers off by a little.

A bug is a wrong formula, so it does to every dtype the same. A structural mutant spoils the
pullback of one node and runs the reference's chain rule with it; what that changes is then added
to the real recordings, which keep their own rounding errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.judging.recording import Problem
from gradcmp.graph import Graph, Node, backward
from gradcmp.graph.walk import constants_of
from gradcmp.judge.noise.own import NUDGE, POINTS
from gradcmp.ops import Array, Pullback
from gradcmp.recording import numpy_dtype

SIZES = (1e-2, 1e-3, 1e-4, 1e-5)
STRUCTURAL = "structural"
JUMP = 0.1  # of a gradient: more than nudged inputs make of it where no branch is near

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
    effects : callable
        Returns for a problem, by input, what the bug adds to the float64 gradient; inputs that it
        spares are left out. At nudged inputs the same bug does something else.
    """

    kind: str
    name: str
    effects: Callable[[Problem], Mapping[str, Array]]


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
    sites = [_site(problem, node) for node in problem.graph]
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
            for i, (name, _) in enumerate(SPOILS[what](site)):
                effects = partial(_structural_effects, what=what, node=site.node, i=i)
                if found < count and effects(problem):
                    found += 1
                    yield Mutant(STRUCTURAL, f"{what}{name} at {site.node.op}", effects)


def elementwise(
    problem: Problem, rng: np.random.Generator, steady: bool = False
) -> Iterator[Mutant]:
    """Return one element, then all elements, of one gradient off by each size.

    Parameters
    ----------
    steady : bool
        Whether the one element is to be none that a branch decides on: inputs that are nudged
        each by itself tell.
    """
    truth = problem.reference.gradients
    known = {name: np.isfinite(g) & (g != 0) for name, g in truth.items()}
    if steady:
        for near in _apart(problem):
            for name, g in near.reference.gradients.items():
                known[name] &= np.abs(g - truth[name]) <= JUMP * np.abs(truth[name])
    places = {name: np.argwhere(one) for name, one in known.items()}
    names = [name for name in problem.case.wrt if len(places[name])]
    if not names:
        return
    for size in SIZES:
        name = names[int(rng.integers(len(names)))]
        at = tuple(places[name][int(rng.integers(len(places[name])))].tolist())
        short = f"{size:.0e}".replace("e-0", "e-")
        one = partial(_scaled, name=name, size=size, at=at)
        yield Mutant(f"one {short}", f"d {name}{list(at)}", one)
        yield Mutant(f"all {short}", f"d {name}", partial(_scaled, name=name, size=size, at=...))


def _apart(problem: Problem) -> Iterator[Problem]:
    """Return the problem at inputs where ties are broken."""
    rng = np.random.default_rng(problem.case.seed)
    for _ in range(POINTS):
        near = {
            name: x * (1 + NUDGE * rng.standard_normal(x.shape)) if x.dtype.kind == "f" else x
            for name, x in problem.inputs.items()
        }
        yield replace(problem, inputs=near)


def _scaled(problem: Problem, name: str, size: float, at: Any) -> dict[str, Array]:
    effect = np.zeros_like(problem.reference.gradients[name])
    effect[at] = size * problem.reference.gradients[name][at]
    return {name: np.where(np.isfinite(effect), effect, 0.0)}


def applied(gradient: Array, effect: Array, dtype: str) -> Array:
    """Return a recorded gradient as the bug would have made it, rounded to its dtype again."""
    return (np.asarray(gradient, np.float64) + effect).astype(numpy_dtype(dtype))


def _site(problem: Problem, node: Node) -> Site:
    constant, tape = constants_of(np.dtype(np.float64)), problem.tape
    operands = tuple(
        tape.values[o] if isinstance(o, str) else constant(o.value, "float") for o in node.operands
    )
    return Site(problem.graph, node, operands, tape.values[node.name], tape.pullbacks[node.name])


def _structural_effects(problem: Problem, what: str, node: Node, i: int) -> dict[str, Array]:
    """Run the chain rule with one pullback spoiled; where that makes no number, nothing is added.

    At nudged inputs there may be no such bug, as where a tie is gone: then it does nothing.
    """
    with np.errstate(all="ignore"):
        pullbacks = [pullback for _, pullback in SPOILS[what](_site(problem, node))]
        if i >= len(pullbacks):
            return {}
        spoiled = {**problem.tape.pullbacks, node.name: pullbacks[i]}
        wrong = backward(problem.graph, replace(problem.tape, pullbacks=spoiled), problem.cotangent)
        truth = problem.reference.gradients
        effects = {key: wrong[key] - truth[key] for key in problem.case.wrt}
    finite = {key: np.where(np.isnan(truth[key]), 0.0, e) for key, e in effects.items()}
    return {key: e for key, e in finite.items() if np.any(e) and np.all(np.isfinite(e))}


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
    """Share a tie out as no choice of branches does."""
    x, op = site.operands[0], site.node.op
    if op in ("relu", "abs") and np.any(x == 0):
        at_zero = np.where(x == 0, 1.5, 0.0)
        yield " x 1.5 at 0", lambda dy: (site.pullback(dy)[0] + dy * at_zero,)
    elif op in ("maximum", "minimum") and np.any(tied := x == site.operands[1]):
        if not all(isinstance(operand, str) for operand in site.node.operands):
            return  # beside a constant either is a lawful choice
        yield ", both", site.masked(np.where(tied, 2.0, 1.0))
        yield ", neither", site.masked(np.where(tied, 0.0, 1.0))
    elif op in ("max", "min") and np.any(_shared(site)):
        yield ", all to each", lambda dy: (_whole(site, dy),)
        yield ", none", lambda dy: (np.where(_shared(site), 0.0, site.pullback(dy)[0]),)


def _shared(site: Site) -> Array:
    """Return which elements share a gradient: those of a tie."""
    share = site.pullback(np.ones(site.value.shape))[0]
    return np.asarray((share > 0) & (share < 1))


def _whole(site: Site, dy: Array) -> Array:
    """Return the gradient with the whole for each of several tied elements, not its share."""
    share = site.pullback(np.ones(site.value.shape))[0]
    return np.asarray(site.pullback(dy)[0] / np.where(_shared(site), share, 1.0))


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
