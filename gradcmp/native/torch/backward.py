"""The backward pass of one run: gradients, wherever a function leaves them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import torch

from gradcmp.native.torch.subject import Tensor

# Of `torch.utils.checkpoint` with use_reentrant=True: refused where inputs are named.
REENTRANT = "CheckpointFunctionBackward"


def gradients_of(
    ends: Sequence[tuple[Tensor, Tensor]], sources: Mapping[str, Tensor], twice: bool = False
) -> dict[str, Tensor | None]:
    """Return the gradient of each source; None where none arrived.

    A backward pass that runs another one of its own (reversible layers, reentrant checkpoints)
    leaves the gradients of parameters in `.grad`, as it does in training: these count as well.

    Parameters
    ----------
    ends : sequence of (tensor, tensor)
        Outputs, and the cotangent of each.
    sources : mapping of str to tensor
        Leaves; where `.grad` is filled, it is with the gradient that is to be found once more.
    twice : bool
        Whether to return what a second backward pass gives.
    """
    leaves = [*sources.values()]
    if not ends or not leaves:
        return dict.fromkeys(sources)
    filled = any(leaf.grad is not None for leaf in leaves)
    roots, upstream = ([*one] for one in zip(*ends, strict=True))
    refused = any(node.name() == REENTRANT for node in _nodes(roots))
    run = partial(_apart, roots, leaves)
    if filled or refused:
        run = partial(_filling, roots, leaves, None if refused else leaves)
    if twice:  # what the first pass writes into its cotangents is another matter
        run([one.clone() for one in upstream], retain_graph=True)
        for leaf in leaves:
            leaf.grad = None
    found = run(upstream)
    if filled:  # both halves are the same number, so that this is exact
        found = [one if one is None else one / 2 for one in found]
    both = zip(sources, found, strict=True)
    return {name: one if one is None else one.detach() for name, one in both}


def _apart(
    roots: list[Tensor],
    leaves: list[Tensor],
    upstream: list[Tensor],
    retain_graph: bool = False,
) -> list[Tensor | None]:
    """Return gradients that are handed over, with what the pass has left in `.grad`."""
    keep = retain_graph or None
    found = torch.autograd.grad(roots, leaves, upstream, retain_graph=keep, allow_unused=True)
    return [_sum(one, leaf.grad) for one, leaf in zip(found, leaves, strict=True)]


def _filling(
    roots: list[Tensor],
    leaves: list[Tensor],
    filled: list[Tensor] | None,
    upstream: list[Tensor],
    retain_graph: bool = False,
) -> list[Tensor | None]:
    """Return what is in `.grad` of some leaves once it is filled: of given ones, or of all."""
    with warnings.catch_warnings():  # to fill it so is the point
        warnings.filterwarnings("ignore", "grad and param do not obey")
        torch.autograd.backward(roots, upstream, retain_graph=retain_graph, inputs=filled)
    return [leaf.grad for leaf in leaves]


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    return one if other is None else other if one is None else one + other


def _nodes(roots: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield each node of the graph that leads to some tensors."""
    left = [one.grad_fn for one in roots]
    met = set()
    while left:
        node = left.pop()
        if node is None or node in met:
            continue
        met.add(node)
        yield node
        left += [one for one, _ in node.next_functions]
