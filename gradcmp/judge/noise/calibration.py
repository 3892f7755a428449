"""How much rounding noise a correct implementation would show, for each element."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcmp.dtypes import Format
from gradcmp.graph import Graph
from gradcmp.judge.elementwise.segments import Float, Segments
from gradcmp.judge.noise.bfloat16 import ANY, Bfloat16Model
from gradcmp.judge.noise.kinks import FEW, Kinks, OpenBranches, replayed
from gradcmp.judge.noise.model import NoiseModel, NoisyArray
from gradcmp.judge.noise.walk import walk
from gradcmp.ops import Array

# The largest of K normal deviates is on average this many standard deviations: what turns the
# widest of K replicas into a scale.
WIDEST: Mapping[int, float] = {1: 0.80, 4: 1.46, 8: 1.78, 16: 2.07}
TENSOR_WEIGHT = 4.0  # replicas' worth of trust in the rows and columns against the element alone
REACH = 10.0  # times its own relative noise: more than that no element borrows from others


@dataclass(frozen=True)
class Scale:
    """The noise of one tensor.

    Attributes
    ----------
    base : array
        g, the float64 reference.
    s : array
        The standard deviation that a correct implementation's rounding errors have, for each
        element.
    coherent : float
        The same for a common factor: the standard deviation of ``sum(w d) / sum(w g)`` with
        ``w = g / s^2``.
    own : bool
        Whether it is the code's own noise at nearby points, for want of a model.
    kinks : tuple of OpenBranches
        The branches that a correct implementation may take otherwise; empty where none is open.
    rule : str
        The rule in full, where it is another than that of the other tensors.
    """

    base: Float
    s: Float
    coherent: float
    own: bool = False
    kinks: tuple[OpenBranches, ...] = ()
    rule: str = ""


def calibrate(
    graph: Graph,
    inputs: Mapping[str, Array],
    cotangent: Array,
    precision: Format,
    names: Collection[str],
    replicas: int = 16,
    operands: Format | None = None,
    seed: int = 0,
    coarse: frozenset[str] = ANY,
    precise: bool = False,
) -> dict[str, Scale]:
    """Run the reference with injected noise and give the scale of each tensor in `names`.

    Parameters
    ----------
    names : collection of str
        As on screen: ``node1``, ``d X``.
    replicas : int
        K, a key of `WIDEST`.
    operands : Format, optional
        What matrix products round their operands to first.
    coarse : set of str
        The kinds of sums that are added up in bfloat16 itself.
    precise : bool
        Whether formulas that lose no digits are taken to be the usual ones.

    Raises
    ------
    NoModelError
        When a primitive of the graph has no noise model.
    """
    rng = np.random.default_rng([seed, replicas])
    model = NoiseModel(precision, replicas, rng, operands)
    if precision.only_stores:
        model = Bfloat16Model(precision, replicas, rng, operands, coarse=coarse)
    model.precise = precise
    tensors = walk(graph, inputs, cotangent, model, names)
    stacks = {name: _stack(tensor) for name, tensor in tensors.items()}
    if not model.branches.are_open:
        return {name: pool(stack, precision, model.roundings) for name, stack in stacks.items()}
    if 0 < model.branches.near <= FEW:  # what a branch makes of a replica is none of its noise
        jumps = replayed(graph, inputs, cotangent, model, names)
        with np.errstate(all="ignore"):
            stacks = {name: stack - _jump(jumps[name]) for name, stack in stacks.items()}
    kinks = (Kinks(graph, inputs, cotangent, precision, names),)
    return {
        name: replace(pool(stack, precision, model.roundings), kinks=kinks)
        for name, stack in stacks.items()
    }


def loses_digits(
    graph: Graph,
    values: Mapping[str, Array],
    gradients: Mapping[str, Array],
    precision: Format,
) -> bool:
    """Whether a usual formula loses digits that the dtype can show: tried without replicas.

    Where none does, formulas that lose no digits have the same noise.

    Parameters
    ----------
    values, gradients : mapping of str to array
        What the reference has, of every node.

    Raises
    ------
    NoModelError
        When a primitive of the graph has no noise model.
    """
    model = NoiseModel(precision, 0, np.random.default_rng(0))
    for node in graph:
        if not node.spec.loses_digits:
            continue
        if node.name not in gradients or not values.keys() >= {*node.sources}:
            return True  # for all that is known
        one = replace(graph, nodes=(node,), output=node.name)
        operands = {name: values[name] for name in node.sources}
        walk(one, operands, gradients[node.name], model, (node.name, f"d {node.name}"))
    return model.lost_digits


def _jump(tensor: NoisyArray | Array) -> Float:
    """Return what the branches of each replica add, the noise-free run's first: nothing."""
    stack = _stack(tensor)
    jump: Float = stack - stack[:1]
    return np.where(np.isfinite(jump), jump, 0.0)


def pool(stack: Float, precision: Format, roundings: int = 1) -> Scale:
    """Turn replicas into the scale of the noise: see `pooled`, and a factor common to all.

    Parameters
    ----------
    roundings : int
        How many errors a replica has where an implementation has one.
    """
    base = stack[0]
    with np.errstate(all="ignore"):
        deviations = stack[1:] - base
        if roundings > 1:
            deviations /= np.sqrt(roundings)
        deviations[~np.isfinite(deviations)] = 0.0
        v, strip = np.square(_widest(deviations)), Segments([base.shape])
        flat = pooled(v.ravel(), len(deviations), base.ravel(), precision, strip)
        squared = flat.reshape(base.shape)
        w = np.where(np.isfinite(base), base / squared, 0.0)
        total = float(np.sum(np.where(np.isfinite(base), w * base, 0.0)))
        factors = (
            deviations.reshape(len(deviations), -1) @ w.reshape(-1) / total
            if len(deviations) and total > 0
            else np.zeros(0)
        )
        # Of what lies below eta all may be flushed: a factor of zero, and no bug.
        flushed = precision.eta * float(np.sum(np.abs(w))) / total if total > 0 else 0.0
    coherent = np.sqrt(_widest(factors) ** 2 + precision.u**2 / 3 + flushed**2)
    return Scale(base, np.sqrt(squared), float(coherent))


def pooled(v: Float, count: int, base: Float, precision: Format, strip: Segments) -> Float:
    """Return the variance of each element from what K runs strayed from the base.

    Per-element spread alone collapses by chance, so rows, columns and the tensor lend some:
    ``v = (max_k |d_k| / c_K)^2``, ``t = rowmean(v) colmean(v) / mean(v)``, but at most
    ``(10 g)^2 mean(v / g^2)``, ``s^2 = (K v + 4 t) / (K + 4) + (u g)^2 / 3 + eta^2``.

    Parameters
    ----------
    v, base : array
        Of the tensors that lie on a strip; `v` is overwritten.
    """
    size = np.square(base)
    lent = _lent(v, size, strip)
    lent *= TENSOR_WEIGHT / (count + TENSOR_WEIGHT)
    size *= precision.u**2 / 3
    size += precision.eta**2
    v *= count / (count + TENSOR_WEIGHT)
    v += lent
    v += size
    return v


def _widest(deviations: Float) -> Float:
    """Return the standard deviation that the widest of all replicas implies."""
    if not len(deviations):
        return np.zeros(deviations.shape[1:])
    widest: Float = np.maximum(deviations.max(axis=0), -deviations.min(axis=0))
    return widest / WIDEST[len(deviations)]


def _lent(v: Float, size: Float, strip: Segments) -> Float:
    """Return the share of the tensor in the noise of each element, of which `size` is the square.

    A gradient may span many orders of magnitude, as a softmax does: what its largest elements
    lend would drown the smallest, were it not for the reach.
    """
    lent, relative = strip.outer(v), v / size
    mean, known = strip.mean(relative), None
    if not np.isfinite(mean).all():
        known = np.isfinite(relative)
        mean = strip.broadcast(strip.total(np.where(known, relative, 0.0)) / strip.count(known))
    reach = np.multiply(size, REACH**2 * mean, out=relative)
    near: Float = np.minimum(lent, reach, out=reach)
    return near if known is None else np.where(known, near, lent)


def _stack(tensor: NoisyArray | Array) -> Float:
    return tensor.stack if isinstance(tensor, NoisyArray) else tensor[None]
