"""What moves elements refuses shapes, widths and indices that mean nothing."""

from __future__ import annotations

import numpy as np
import pytest

from gradcmp.case import Expression
from gradcmp.errors import GraphError
from gradcmp.graph import infer, require_bounds
from gradcmp.graph.build import assemble
from gradcmp.graph.walk import spec_of
from gradcmp.ops import ArraySpec

FLOAT = ArraySpec((4, 3))
WHOLE = ArraySpec((4, 3), "int")
ROW = ArraySpec((3,), "int")

REFUSED = [
    ("pad(x, (1, 2))", (FLOAT,), r"pad_width is \(1, 2\), and must be one integer, or \(before"),
    ("pad(x, ((1, 2),))", (FLOAT,), "for each of 2 axes"),
    ("pad(x, ((1, 2), (1, 2, 3)))", (FLOAT,), r"pad_width\[1\] is \(1, 2, 3\)"),
    ("pad(x, ((-1, 2), (0, 0)))", (FLOAT,), r"pad_width\[0\]\[0\] is -1"),
    ("pad(x, -1)", (FLOAT,), "pad_width is -1, and must be an integer of at least 0"),
    ("pad(x, 1, mode='replicate')", (FLOAT,), "one of 'constant', 'reflect', 'edge'"),
    ("pad(x, 3, mode='reflect')", (FLOAT,), "axis 1 has length 3, and 2 to reflect"),
    ("pad(x, 1, mode='edge')", (ArraySpec((0,)),), "no edge to repeat"),
    ("pad(x, 1, mode='edge', value=1)", (FLOAT,), "mode 'edge' does not use"),
    ("pad(x, 1, value=0.5)", (WHOLE,), "of kind 'int' is padded with 0"),
    ("take_along_axis(x, y)", (FLOAT, FLOAT), "indices are of kind 'float'"),
    ("take_along_axis(x, y)", (FLOAT, ROW), "differ in their number of axes"),
    ("take_along_axis(x, y, axis=1)", (FLOAT, ArraySpec((3, 3), "int")), "cannot be broadcast"),
    ("gather(x, y)", (FLOAT, WHOLE), "missing a required argument: 'axis'"),
    ("gather(x, y, 1)", (FLOAT, ArraySpec((5, 3), "int")), "longer than .* along axis 0"),
    ("gather(x, y, 1)", (ArraySpec((4, 0)), WHOLE), "no entries that an index could name"),
    ("scatter(x, y, z, 2)", (FLOAT, WHOLE, FLOAT), "axis 2 is out of range"),
    ("scatter(x, y, z, 0)", (FLOAT, ArraySpec((2, 3), "int"), FLOAT), "differ in shape"),
    ("scatter_add(x, y, z, 0)", (FLOAT, WHOLE, WHOLE), "cannot be mixed"),
    ("index_add(x, y, z)", (FLOAT, WHOLE, FLOAT), "not one for each slice"),
    ("index_add(x, y, z)", (FLOAT, ROW, FLOAT), r"src is \(4, 3\), and must be \(3, 3\)"),
    ("index_put(x, y)", (FLOAT, FLOAT), "0 arrays of indices for the 2 axes"),
    ("index_put(x, y, y)", (FLOAT, FLOAT), "indices are of kind 'float'"),
    ("index_put(x, x, y)", (FLOAT, ROW), r"values \(4, 3\) do not fit|cannot be broadcast"),
    ("index_put(x, x, y, accumulate=1)", (FLOAT, ROW), "accumulate is 1"),
    ("tril(x)", (ArraySpec((3,)),), "no rows and columns"),
    ("triu(x, k=0.5)", (FLOAT,), "k is 0.5, and must be an integer"),
    ("flip(x, axis=2)", (FLOAT,), "axis 2 is out of range"),
    ("roll(x, (1, 2))", (FLOAT,), "both are one integer, or tuples"),
    ("roll(x, 1, axis=(0, 1))", (FLOAT,), "both are one integer, or tuples"),
    ("roll(x, (1, 2), axis=(0, 0))", (FLOAT,), "names an axis twice"),
    ("roll(x, (1,), axis=(0, 1))", (FLOAT,), "differ in length"),
    ("tile(x, 2)", (FLOAT,), "must be a tuple of integers"),
    ("repeat(x, (1, 2))", (FLOAT,), "repeats is .*, and must be an integer"),
    ("split(x, 3, 0)", (FLOAT,), "axis 0 has length 4, and 3 equal parts do not fit"),
    ("split(x, (1, 2), 0)", (FLOAT,), "add up to 3, not to 4"),
    ("split(x, 2, 2)", (FLOAT,), "index is 2, and the last part is number 1"),
    ("split(x, 2, -1)", (FLOAT,), "index is -1"),
    ("one_hot(x, 3)", (FLOAT,), "indices are of kind 'float'"),
    ("one_hot(x, 0)", (WHOLE,), "classes is 0"),
]


@pytest.mark.parametrize(("text", "specs", "reason"), REFUSED, ids=[r[0] for r in REFUSED])
def test_refusal(text: str, specs: tuple[ArraySpec, ...], reason: str) -> None:
    inputs = dict(zip("xyz", specs, strict=False))
    with pytest.raises(GraphError, match=reason):
        infer(assemble(tuple(inputs), (("node", Expression(text)),), "node"), inputs)


OUTSIDE = [
    ("take(x, y)", [0, 4], r"take: 'y' is 4 at \[1\], and must be from 0 to 3"),
    ("take(x, y, axis=-1)", [0, -1], r"'y' is -1 at \[1\], and must be from 0 to 2"),
    ("take(x, y + 3)", [0, 1], r"an index is 4 at \[1\]"),
    ("take(x, take(y, y))", [0, 2], "take: 'y' is 2"),
    ("take_along_axis(x, y, axis=0)", [[4]], r"'y' is 4 at \[0, 0\]"),
    ("gather(x, y, 1)", [[3]], "from 0 to 2"),
    ("scatter(x, y, x, 1)", [[0, 1, 3]] * 4, r"'y' is 3 at \[0, 2\]"),
    ("scatter_add(x, y, x, 0)", [[0, 1, -1]] * 4, "'y' is -1"),
    ("index_add(x, y, x)", [0, 1, 2, 4], "'y' is 4"),
    ("index_put(x, 1.0, y)", [9], "'y' is 9"),
    ("index_put(x, 1.0, y, y)", [3], "'y' is 3 .* from 0 to 2"),
    ("where(one_hot(y, 3), x, 0)", [0, 1, 2, 3], "one_hot: 'y' is 3"),
    ("where(take(y, 2) > 0, x, 0)", [0, 1], "take: an index is 2, and must be from 0 to 1"),
]


@pytest.mark.parametrize(("text", "indices", "reason"), OUTSIDE, ids=[r[0] for r in OUTSIDE])
def test_an_index_that_names_nothing_is_refused(text: str, indices: object, reason: str) -> None:
    inputs = {"x": np.ones((4, 3)), "y": np.array(indices)}
    graph = assemble(tuple(inputs), (("node", Expression(text)),), "node")
    specs = infer(graph, {name: spec_of(array) for name, array in inputs.items()})
    with pytest.raises(GraphError, match=reason) as raised:
        require_bounds(graph, specs, inputs)
    assert raised.value.way_out


def test_indices_inside_are_taken() -> None:
    inputs = {"x": np.ones((4, 3)), "y": np.array([3, 0])}
    graph = assemble(tuple(inputs), (("node", Expression("take(x, y)")),), "node")
    require_bounds(graph, infer(graph, {n: spec_of(a) for n, a in inputs.items()}), inputs)


ELSEWHERE = [
    ("torch.gather(x, 1, y)", r"gather has the axis second in torch", "gather(x, indices, axis=1)"),
    ("torch.index_put(x, (y,), x)", "the indices before the values", "index_put(x, values, i, j)"),
    ("F.pad(x, (1, 2))", "the last axis first in torch", "pad(x, ((0, 0), (1, 2)))"),
    ("torch.split(x, 2)", "the length of a part in torch", "split(x, parts, index)"),
    ("np.split(x, 2)", "all parts at once", "split(x, parts, index, axis=0)"),
    ("torch.median(x)", "the lower of the two in torch", "median(x)"),
]


@pytest.mark.parametrize(("text", "fact", "way_out"), ELSEWHERE, ids=[e[0] for e in ELSEWHERE])
def test_what_means_something_else_elsewhere_leads_here(text: str, fact: str, way_out: str) -> None:
    with pytest.raises(GraphError, match=fact) as raised:
        assemble(("x", "y"), (("node", Expression(text)),), "node")
    assert way_out in (raised.value.way_out or "")
