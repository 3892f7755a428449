"""Einstein summation, taken apart into diagonals, transposes, sums and matrix products."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.linalg.diagonals import picked, placed
from gradcmp.ops.primitives import product, spread, total_as
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError

ANY = "..."
FIRST = ord("\u03b1")  # what '...' stands for gets Greek letters, which nobody may write


@dataclass(frozen=True)
class Labels:
    """The axes of every operand and of the result, one letter each.

    What '...' stands for has letters of its own, the last axis the same one in every operand.
    """

    operands: tuple[str, ...]
    output: str
    lengths: dict[str, int]

    @classmethod
    def of(cls, subscripts: str, shapes: Sequence[Shape]) -> Labels:
        """Read "...ij,jk->...ik"; what a missing result has is '...' and what appears once.

        Raises
        ------
        ShapeError
            When the subscripts are none, or do not fit the shapes.
        """
        if not isinstance(subscripts, str):
            raise ShapeError(f"subscripts are {subscripts!r}, and must be text such as 'ij,jk->ik'")
        left, arrow, right = subscripts.replace(" ", "").partition("->")
        names = left.split(",")
        if len(names) != len(shapes):
            raise ShapeError(f"'{subscripts}' names {len(names)} operands, {len(shapes)} are given")
        wide = [_named(one, shape) for one, shape in zip(names, shapes, strict=True)]
        most = max(wide)
        full = "".join(chr(FIRST + i) for i in range(most))
        operands = tuple(
            one.replace(ANY, full[most - n :]) for one, n in zip(names, wide, strict=True)
        )
        result = _result(right if arrow else _unwritten(left), full)
        return cls(operands, result, _lengths(operands, shapes)).checked()

    def checked(self) -> Labels:
        """Refuse a result with axes that no operand has."""
        if not set(self.output) <= set(self.lengths):
            raise ShapeError(f"the result '{self.output}' names an axis that no operand has")
        return self


def _named(labels: str, shape: Shape) -> int:
    """Return how many axes of an operand '...' stands for, and refuse what names others."""
    letters = labels.replace(ANY, "", 1)
    _require_letters(letters)
    wide = len(shape) - len(letters)
    if wide < 0 or (wide and ANY not in labels):
        raise ShapeError(f"'{labels}' does not name each axis of shape {shape}")
    return wide


def _result(labels: str, full: str) -> str:
    letters = labels.replace(ANY, "", 1)
    _require_letters(letters)
    if len(set(letters)) < len(letters):
        raise ShapeError(f"the result '{labels}' names an axis twice")
    if full and ANY not in labels:
        raise ShapeError(f"the result '{labels}' lacks '...': NumPy refuses it, torch would sum")
    return labels.replace(ANY, full)


def _require_letters(labels: str) -> None:
    if labels and not (labels.isascii() and labels.isalpha()):
        raise ShapeError(f"'{labels}' has more than letters and one '...'")


def _lengths(operands: Sequence[str], shapes: Sequence[Shape]) -> dict[str, int]:
    """Return the length of each label; what '...' stands for is broadcast."""
    lengths: dict[str, int] = {}
    for labels, shape in zip(operands, shapes, strict=True):
        for label, length in zip(labels, shape, strict=True):
            known = lengths.setdefault(label, length)
            if known == length or (_is_wide(label) and length == 1):
                continue
            if not (_is_wide(label) and known == 1):
                what = "of '...'" if _is_wide(label) else f"'{label}'"
                raise ShapeError(f"axis {what} has lengths {known} and {length}")
            lengths[label] = length
    return lengths


def _is_wide(label: str) -> bool:
    return ord(label) >= FIRST


def _infer(*operands: ArraySpec, subscripts: str) -> ArraySpec:
    for spec in operands:
        require_float(spec)
    labels = Labels.of(subscripts, [spec.shape for spec in operands])
    return ArraySpec(tuple(labels.lengths[label] for label in labels.output))


@dataclass(frozen=True)
class Term:
    """An operand with every label once, and none that is broadcast.

    Attributes
    ----------
    undo : callable
        The transpose of what made `array` from the operand.
    """

    array: Array
    labels: str
    undo: Callable[[Array], Array]

    @classmethod
    def of(cls, x: Array, labels: str, lengths: dict[str, int]) -> Term:
        """Take the diagonal of labels that stand twice, and leave out axes that are broadcast."""
        shape = np.shape(x)
        gone = tuple(i for i, one in enumerate(labels) if shape[i] != lengths[one])
        if gone:
            rest = "".join(one for i, one in enumerate(labels) if i not in gone)
            inner = cls.of(np.squeeze(x, gone), rest, lengths)
            return cls(inner.array, inner.labels, lambda d: np.expand_dims(inner.undo(d), gone))
        twice = [i for i, one in enumerate(labels) if one in labels[:i]]
        if not twice:
            return cls(x, labels, lambda d: d)
        j, n = twice[0], shape[twice[0]]
        i = labels.index(labels[j])
        order = (*(k for k in range(len(labels)) if k not in (i, j)), i, j)
        names = "".join(labels[k] for k in order[:-1])
        on = cls.of(picked(np.transpose(x, order)), names, lengths)
        back = tuple(order.index(k) for k in range(len(order)))
        return cls(on.array, on.labels, lambda d: np.transpose(placed(on.undo(d), n, n), back))


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

    A label that an operand has twice is its diagonal; '...' are axes that are broadcast. Of a
    result that is not written TensorFlow forgets the '...': there it is written.

    VJP: dx = einsum of dy and the other operands with the labels of x as result, repeated
    along the axes that x alone has and that were summed up, and put on the diagonal.
    """
    labels = Labels.of(subscripts, [np.shape(x) for x in operands])
    named = zip(operands, labels.operands, strict=True)
    terms = [Term.of(x, own, labels.lengths) for x, own in named]

    def gradient(i: int, dy: Array) -> Array:
        term, others = terms[i], [*terms[:i], *terms[i + 1 :]]
        known = "".join([labels.output, *(one.labels for one in others)])
        present = "".join(label for label in term.labels if label in known)
        arrays = [dy, *(one.array for one in others)]
        dx = _contract(arrays, [labels.output, *(one.labels for one in others)], present)
        lonely = tuple(axis for axis, label in enumerate(term.labels) if label not in known)
        return term.undo(spread(np.expand_dims(dx, lonely), np.shape(term.array)))

    y = _contract([one.array for one in terms], [one.labels for one in terms], labels.output)
    return y, lambda dy: tuple(gradient(i, dy) for i in range(len(operands)))


def _with_result(subscripts: str) -> str:
    """Return subscripts with the result that is not written where '...' is in it."""
    left, arrow, _ = subscripts.replace(" ", "").partition("->")
    return subscripts if arrow or ANY not in left else f"{left}->{_unwritten(left)}"


def _unwritten(left: str) -> str:
    """Return the result that is meant where none is written."""
    letters = left.replace(ANY, "").replace(",", "")
    once = sorted(one for one in set(letters) if letters.count(one) == 1)
    return "".join([ANY if ANY in left else "", *once])


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
            "tensorflow": lambda tf, *operands, subscripts: tf.einsum(
                _with_result(subscripts), *operands
            ),
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
            Example("einsum('...ij,...jk->...ik', x, y)", {"x": (2, 1, 4, 3), "y": (5, 3, 2)}),
            Example("einsum('...i,i...', x, y)", {"x": (2, 3), "y": (3, 1)}),
            Example("einsum('bii,ij->bi', x, y)", {"x": (2, 3, 3), "y": (3, 4)}),
        ),
    )
)
