"""What an op cannot take is refused before anything runs, and the text says what is wrong."""

from __future__ import annotations

import pytest

from gradcmp.case import Expression
from gradcmp.errors import GraphError
from gradcmp.graph import infer
from gradcmp.graph.build import assemble
from gradcmp.ops import ArraySpec

FLOAT = ArraySpec((4, 3))
VECTOR = ArraySpec((3,))
WHOLE = ArraySpec((4, 3), "int")
FLAGS = ArraySpec((4, 3), "bool")
CUBE = ArraySpec((2, 4, 3))
IMAGES = ArraySpec((1, 2, 5, 5))
NOTHING = ArraySpec((0, 3))

REFUSED = [
    ("x + y", (FLOAT, ArraySpec((4,))), r"shapes \(4, 3\) and \(4,\) cannot be broadcast"),
    ("x * y", (FLOAT, WHOLE), "kinds 'float' and 'int' cannot be mixed"),
    ("x - y", (FLAGS, FLAGS), "booleans were given where numbers are needed"),
    ("x / y", (WHOLE, WHOLE), "kind 'int' was given where real numbers are needed"),
    ("exp(x)", (WHOLE,), "kind 'int' was given where real numbers are needed"),
    ("x > y", (FLOAT, FLAGS), "kinds 'bool' and 'float' cannot be mixed"),
    ("where(x, y, z)", (FLOAT, FLOAT, FLOAT), "condition is of kind 'float'"),
    ("where(x, y, z)", (FLAGS, FLOAT, WHOLE), "cannot be mixed"),
    ("clip(x)", (FLOAT,), "neither min nor max"),
    ("clip(x, 2, 1)", (FLOAT,), "min must not be larger"),
    ("clip(x, min='low')", (FLOAT,), "min is 'low', and must be a number"),
    ("x @ y", (FLOAT, FLOAT), "inner axes have lengths 3 and 4"),
    ("x @ y", (FLOAT, ArraySpec(())), "without axes"),
    ("x @ y", (CUBE, ArraySpec((3, 3, 2))), "cannot be broadcast"),
    ("sum(x, axis=2)", (FLOAT,), "axis 2 is out of range for an array with 2 axes"),
    ("sum(x, axis=(0, -2))", (FLOAT,), "names an axis twice"),
    ("sum(x, axis=())", (FLOAT,), r"axis is \(\)"),
    ("sum(x, axis=1.5)", (FLOAT,), "axis is 1.5, and must be an integer"),
    ("sum(x, axis=True)", (FLOAT,), "axis is True"),
    ("sum(x, keepdims=1)", (FLOAT,), "keepdims is 1, and must be True or False"),
    ("sum(x)", (FLAGS,), "booleans were given"),
    ("mean(x, axis=0)", (NOTHING,), "no elements along axis 0"),
    ("max(x)", (WHOLE,), "real numbers are needed"),
    ("logsumexp(x)", (NOTHING,), "no elements"),
    ("var(x, axis=0, correction=4)", (FLOAT,), "nothing to divide by: n is 4"),
    ("std(x, correction='n')", (FLOAT,), "correction is 'n'"),
    ("norm(x, axis=(0, 1))", (FLOAT,), "must be one integer"),
    ("cumulative_sum(x)", (FLOAT,), "axis must be given"),
    ("softmax(x, axis=(0, 1))", (FLOAT,), "must be one integer"),
    ("softmax(x)", (ArraySpec(()),), "out of range"),
    ("gelu(x, approximate='erf')", (FLOAT,), "approximate is 'erf', and must be one of 'none'"),
    ("reshape(x, (5, -1))", (FLOAT,), "12 elements"),
    ("reshape(x, (-1, -1))", (FLOAT,), "more than one -1"),
    ("reshape(x, (-2, 6))", (FLOAT,), r"shape\[0\] is -2"),
    ("transpose(x, (0,))", (FLOAT,), "differ in length"),
    ("transpose(x, (0, 0))", (FLOAT,), "names an axis twice"),
    ("expand_dims(x, axis=3)", (FLOAT,), "axis 3 is out of range"),
    ("squeeze(x, 0)", (FLOAT,), "axis 0 has length 4; only length 1 can go"),
    ("broadcast_to(x, (4,))", (FLOAT,), "cannot be broadcast to"),
    ("broadcast_to(x, (2, 4))", (VECTOR,), "cannot be broadcast to"),
    ("x[4]", (FLOAT,), "index 4 is out of range for an axis of length 4"),
    ("x[0, 0, 0]", (FLOAT,), "3 indices are too many for an array with 2 axes"),
    ("x[..., ...]", (FLOAT,), "one '...'"),
    ("x[::0]", (FLOAT,), "step 0"),
    ("take(x, y)", (FLOAT, VECTOR), "indices are of kind 'float'"),
    ("take(x, y, axis=2)", (FLOAT, WHOLE), "out of range"),
    ("concat([x, y], axis=0)", (FLOAT, CUBE), r"shapes \(4, 3\) and \(2, 4, 3\) differ"),
    ("concat([x, y], axis=1)", (FLOAT, ArraySpec((2, 3))), "differ beyond axis 1"),
    ("concat([x, y])", (FLOAT, WHOLE), "cannot be mixed"),
    ("stack([x, y])", (FLOAT, VECTOR), r"shapes \(4, 3\) and \(3,\) differ"),
    ("layer_norm(x, y, z)", (FLOAT, ArraySpec((4,)), ArraySpec((4,))), "is not how"),
    ("layer_norm(x, y, z)", (FLOAT, VECTOR, ArraySpec((4,))), "differ in shape"),
    ("layer_norm(x, y, z, eps=-1)", (FLOAT, VECTOR, VECTOR), "eps is -1"),
    ("batch_norm(x, y, z)", (FLOAT, ArraySpec((4,)), ArraySpec((4,))), "3 channels"),
    ("batch_norm(x, y, z)", (ArraySpec((1, 3)), VECTOR, VECTOR), "statistics need two"),
    ("batch_norm(x, y, z)", (VECTOR, VECTOR, VECTOR), "an axis of samples"),
    ("cross_entropy(x, y)", (FLOAT, ArraySpec((4,))), "labels are of kind 'float'"),
    ("cross_entropy(x, y)", (FLOAT, ArraySpec((3,), "int")), "not one for each row"),
    ("cross_entropy(x, y)", (CUBE, ArraySpec((2,), "int")), r"not \(samples, classes\)"),
    (
        "cross_entropy(x, y, reduction='avg')",
        (FLOAT, ArraySpec((4,), "int")),
        "reduction is 'avg', and must be one of 'mean', 'sum', 'none'",
    ),
    ("conv2d(x, y)", (CUBE, IMAGES), r"is not \(samples, channels, height, width\)"),
    ("conv2d(x, y)", (IMAGES, CUBE), r"is not \(out, in, height, width\)"),
    ("conv2d(x, y)", (IMAGES, ArraySpec((2, 3, 2, 2))), "differ in their input channels"),
    ("conv2d(x, y)", (IMAGES, ArraySpec((2, 2, 6, 2))), "no window"),
    ("conv2d(x, y, stride=0)", (IMAGES, IMAGES), "stride is 0, and must be an integer of at"),
    ("conv2d(x, y, padding=(1, 1, 1))", (IMAGES, IMAGES), "one integer or two"),
    ("max_pool(x, 6)", (IMAGES,), "no window"),
    ("avg_pool(x, 2, padding=2)", (IMAGES,), "more than half of the kernel"),
    ("scaled_dot_product_attention(x, y, z)", (FLOAT, FLOAT, FLOAT), "is not .heads"),
    ("scaled_dot_product_attention(x, y, z)", (CUBE, CUBE, ArraySpec((2, 5, 3))), "values"),
    (
        "scaled_dot_product_attention(x, y, y, causal=True)",
        (CUBE, ArraySpec((2, 5, 3))),
        "causal with 4 queries and 5 keys is ambiguous",
    ),
    ("scaled_dot_product_attention(x, x, x, causal='yes')", (CUBE,), "causal is 'yes'"),
    ("einsum('ij,jk->ik', x)", (FLOAT,), "names 2 operands, 1 are given"),
    ("einsum('ii', x)", (FLOAT,), "axis 'i' has lengths 4 and 3"),
    ("einsum('...i..', x)", (FLOAT,), "more than letters and one '...'"),
    ("einsum('ijk', x)", (FLOAT,), "does not name each axis"),
    ("einsum('ij->ik', x)", (FLOAT,), "names an axis that no operand has"),
    ("einsum('ij,ij', x, y)", (FLOAT, ArraySpec((3, 3))), "axis 'i' has lengths 4 and 3"),
    ("einsum(3, x)", (FLOAT,), "must be text"),
]


@pytest.mark.parametrize(("text", "specs", "reason"), REFUSED, ids=[r[0] for r in REFUSED])
def test_refusal(text: str, specs: tuple[ArraySpec, ...], reason: str) -> None:
    inputs = dict(zip("xyz", specs, strict=False))
    graph = assemble(tuple(inputs), (("node", Expression(text)),), "node")
    with pytest.raises(GraphError, match=reason):
        infer(graph, inputs)
