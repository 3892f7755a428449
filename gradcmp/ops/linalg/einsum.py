"""Einstein summation, taken apart into transposes, sums and matrix products."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from gradcmp.ops.primitives import product, spread, total_as
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError


def _labels(subscripts: str) -> tuple[list[str], str]:
    """Split "ij,jk->ik" into operands and result; what is not named is what appears once."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    once = sorted(label for label in set(left) - {","} if left.count(label) == 1)
    return left.split(","), right if arrow else "".join(once)


def _infer(*operands: ArraySpec, subscripts: str) -> ArraySpec:
    if not isinstance(subscripts, str):
        raise ShapeError(f"subscripts are {subscripts!r}, and must be text such as 'ij,jk->ik'")
    names, output = _labels(subscripts)
    if len(names) != len(operands):
        raise ShapeError(f"'{subscripts}' names {len(names)} operands, {len(operands)} are given")
    lengths: dict[str, int] = {}
    for labels, spec in zip(names, operands, strict=True):
        require_float(spec)
        _require_letters(labels)
        if len(labels) != len(spec.shape):
            raise ShapeError(f"'{labels}' does not name each axis of shape {spec.shape} once")
        for label, length in zip(labels, spec.shape, strict=True):
            if lengths.setdefault(label, length) != length:
                raise ShapeError(f"axis '{label}' has lengths {lengths[label]} and {length}")
    _require_letters(output)
    if not set(output) <= set(lengths):
        raise ShapeError(f"the result '{output}' names an axis that no operand has")
    return ArraySpec(tuple(lengths[label] for label in output))


def _require_letters(labels: str) -> None:
    if labels and not (labels.isascii() and labels.isalpha()):
        raise ShapeError(f"'{labels}' has more than letters; '...' is not supported")
    if len(set(labels)) < len(labels):
        raise ShapeError(f"'{labels}' names an axis twice; diagonals are not supported")


def _arranged(x: Array, labels: str, wanted: Iterable[str]) -> Array:
    """Sum over the axes that are not wanted and give the others the order in which they are."""
    names = tuple(wanted)
    gone = tuple(i for i, label in enumerate(labels) if label not in names)
    rest = [label for label in labels if label in names]
    y = total_as("bare", x, gone) if gone else x
    return np.transpose(y, tuple(rest.index(label) for label in names))


def _pair(x: Array, a: str, y: Array, b: str, keep: set[str]) -> tuple[Array, str]:
    """Multiply two operands and sum over the axes that are not kept, as one matrix product."""
    shared = [label for label in a if label in b]
    batch = [label for label in shared if label in keep]
    inner = [label for label in shared if label not in keep]
    left = [label for label in a if label not in b and label in keep]
    right = [label for label in b if label not in a and label in keep]
    sizes = dict(zip(a + b, np.shape(x) + np.shape(y), strict=True))

    def shape(*groups: Sequence[str]) -> tuple[int, ...]:
        lengths = tuple(sizes[label] for label in batch)
        return lengths + tuple(math.prod(sizes[label] for label in group) for group in groups)

    rows = np.reshape(_arranged(x, a, [*batch, *left, *inner]), shape(left, inner))
    columns = np.reshape(_arranged(y, b, [*batch, *inner, *right]), shape(inner, right))
    labels = [*batch, *left, *right]
    z = np.reshape(product(rows, columns), tuple(sizes[label] for label in labels))
    return z, "".join(labels)


def _contract(arrays: Sequence[Array], names: Sequence[str], output: str) -> Array:
    """Join the operands two by two from the left."""
    x, labels = arrays[0], names[0]
    for i in range(1, len(arrays)):
        keep = set(output).union(*names[i + 1 :])
        x, labels = _pair(x, labels, arrays[i], names[i], keep)
    return _arranged(x, labels, output)


def einsum(*operands: Array, subscripts: str) -> tuple[Array, Pullback]:
    """Products of the operands' elements, summed over every label that the result lacks.

    No ellipsis, and no label twice in one operand.

    VJP: dx = einsum of dy and the other operands with the labels of x as result, repeated
    along the axes that x alone has and that were summed up.
    """
    names, output = _labels(subscripts)

    def gradient(i: int, dy: Array) -> Array:
        others = [j for j in range(len(operands)) if j != i]
        known = "".join([output, *(names[j] for j in others)])
        present = "".join(label for label in names[i] if label in known)
        arrays = [dy, *(operands[j] for j in others)]
        dx = _contract(arrays, [output, *(names[j] for j in others)], present)
        lonely = tuple(axis for axis, label in enumerate(names[i]) if label not in known)
        return spread(np.expand_dims(dx, lonely), np.shape(operands[i]))

    y = _contract(operands, names, output)
    return y, lambda dy: tuple(gradient(i, dy) for i in range(len(operands)))


def _call(subscripts: str, *operands: Array) -> None:
    """Write the subscripts first, as everywhere."""


register(
    Op(
        "einsum",
        einsum,
        call=_call,
        infer=_infer,
        native={
            "torch": lambda torch, *operands, subscripts: torch.einsum(subscripts, *operands),
            "tensorflow": lambda tf, *operands, subscripts: tf.einsum(subscripts, *operands),
            "jax": lambda jax, *operands, subscripts: jax.numpy.einsum(subscripts, *operands),
        },
        examples=(
            Example("einsum('ij,jk->ik', x, y)", {"x": (4, 3), "y": (3, 2)}),
            Example("einsum('bij,bjk->bki', x, y)", {"x": (2, 4, 3), "y": (2, 3, 2)}),
            Example("einsum('bhqd,bhkd->bhqk', x, y)", {"x": (2, 2, 3, 4), "y": (2, 2, 5, 4)}),
            Example("einsum('ij->j', x)", {"x": (4, 3)}),
            Example("einsum('ij,jk,kl->il', x, y, z)", {"x": (2, 3), "y": (3, 4), "z": (4, 2)}),
            Example("einsum('i,j', x, y)", {"x": (4,), "y": (3,)}),
            Example("einsum('ij,k->k', x, y)", {"x": (2, 3), "y": (4,)}),
        ),
    )
)
