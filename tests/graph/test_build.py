"""Names, order and shapes of a graph, and the chain rule through it."""

import numpy as np
import pytest

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.errors import GraphError, Location
from gradcmp.graph import backward, build, forward, infer
from gradcmp.graph.walk import constants_of
from gradcmp.ops import ArraySpec

FLOAT64 = constants_of(np.dtype(np.float64))


def case(graph, inputs="XYZ", output=None):
    return Case(
        "case",
        {name: InputSpec("normal", (4, 3), where=Location("c.yaml", 2)) for name in inputs},
        {
            name: Expression(text, Location("c.yaml", 5 + i))
            for i, (name, text) in enumerate(graph.items())
        },
        output or list(graph)[-1],
        tuple(inputs),
        (),
    )


def test_nodes_come_after_their_operands_whatever_the_order_of_the_file():
    graph = build(case({"c": "a + b", "b": "a * Y", "a": "X * Z"}, output="c"))
    assert [node.name for node in graph] == ["a", "b", "c"]


def test_a_long_chain_is_no_recursion():
    chain = {f"n{i}": f"n{i - 1} + X" for i in range(1, 3000)}
    graph = build(case({"n0": "X * Y * Z", **chain}))
    assert len(graph.named) == 3000


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (
            {"a": "b * X", "b": "a + Y", "c": "Z * a"},
            "c.yaml:5: nodes depend on each other in a circle: a needs b needs a",
        ),
        ({"a": "a * X + Y + Z"}, "in a circle: a needs a"),
        (
            {"node1": "X * Y", "out": "node2 + Z"},
            "c.yaml:6: node 'out': there is no input or node 'node2'. Did you mean 'node1'?",
        ),
        ({"X": "Y * Z"}, "c.yaml:5: 'X' is both an input and a node"),
        ({"a": "X * Y"}, "c.yaml:2: input 'Z' is not used by any node"),
    ],
)
def test_names_that_do_not_fit(graph, message):
    with pytest.raises(GraphError) as caught:
        build(case(graph))
    assert message in str(caught.value)


def test_an_output_that_is_no_node():
    with pytest.raises(
        GraphError, match=r"the output 'nod1' is not a node.*Did you mean 'node1'\?"
    ):
        build(case({"node1": "X * Y + Z"}, output="nod1"))


def test_shapes_are_known_before_anything_runs():
    graph = build(case({"a": "X * Y", "b": "sum(a + Z, axis=0)"}))
    specs = infer(graph, {name: ArraySpec((4, 3)) for name in "XYZ"})
    assert specs["b"] == ArraySpec((3,))


def test_a_misfit_names_file_line_node_op_and_both_shapes():
    graph = build(case({"a": "X * Y", "b": "a + Z"}))
    with pytest.raises(GraphError) as caught:
        infer(graph, {"X": ArraySpec((4, 3)), "Y": ArraySpec((4, 3)), "Z": ArraySpec((5, 3))})
    text = str(caught.value)
    for part in ("c.yaml:6", "node 'b'", "add(a (4, 3), Z (5, 3))", "cannot be broadcast"):
        assert part in text


def test_the_seed_notebook():
    x = np.array(
        [
            [0.43787304, 0.96557349, 1.0921883],
            [0.13662005, -0.38701585, 0.68148381],
            [-0.09396063, 1.12197495, -1.1509547],
            [0.90929498, -0.33493472, -0.35300799],
        ]
    )
    inputs = {"X": x, "Y": np.ones((4, 3)), "Z": np.arange(1.0, 13.0).reshape(4, 3)}
    graph = build(case({"node1": "X * Y", "node2": "node1 + Z", "node3": "sum(node2)"}))
    tape = forward(graph, inputs, FLOAT64)
    gradients = backward(graph, tape, np.asarray(1.0))
    assert abs(tape.values["node3"] - 81.025134745767133) < 5e-8  # as printed: 8 digits a term
    for name in ("node2", "node1", "Z", "X"):
        np.testing.assert_array_equal(gradients[name], np.ones((4, 3)))
    np.testing.assert_array_equal(gradients["Y"], x)
    assert gradients["node3"] == 1.0


def test_a_node_used_twice_gets_the_sum_of_its_cotangents():
    graph = build(case({"a": "X * Y", "b": "a * Z + a"}))
    rng = np.random.default_rng(1)
    inputs = {name: rng.standard_normal((4, 3)) for name in "XYZ"}
    cotangent = rng.standard_normal((4, 3))
    gradients = backward(graph, forward(graph, inputs, FLOAT64), cotangent)
    np.testing.assert_allclose(gradients["a"], cotangent * (inputs["Z"] + 1), rtol=1e-15)


def test_what_the_output_ignores_has_a_gradient_of_zeros():
    graph = build(case({"a": "X * Y", "b": "a * Z", "c": "X + Y"}, output="c"))
    inputs = {name: np.full((4, 3), 2.0) for name in "XYZ"}
    gradients = backward(graph, forward(graph, inputs, FLOAT64), np.full((4, 3), 3.0))
    for name in ("Z", "a", "b"):
        np.testing.assert_array_equal(gradients[name], np.zeros((4, 3)))
    np.testing.assert_array_equal(gradients["X"], np.full((4, 3), 3.0))
