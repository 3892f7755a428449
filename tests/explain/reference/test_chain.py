"""The chain rule in symbols, and the lines by hand, as a textbook has them."""

import ast

import numpy as np
import pytest
from explained import CONFIGS, make

from gradcmp.case import InputSpec
from gradcmp.explain.derivation import text
from gradcmp.explain.program import Program
from gradcmp.explain.reference.arrays import written
from gradcmp.explain.reference.chain import rule
from gradcmp.ops import OPS

X = InputSpec("normal", (4, 3))


def program(graph, inputs, **rest):
    return Program.of(make(graph, inputs, **rest))


def test_the_seed_case_is_the_textbook_s_first_page():
    book = Program.of(CONFIGS["seed"]).book
    assert [line for lines in book.forward.values() for line in lines] == [
        "node1 = X * Y",
        "node2 = node1 + Z",
        "node3 = np.sum(node2)",
    ]
    assert [line for lines in book.backward.values() for line in lines] == [
        "grad_node3 = 1.0",
        "grad_node2 = np.broadcast_to(grad_node3, (4, 3))",
        "grad_node1 = grad_node2",
        "grad_Z = grad_node2",
        "grad_Y = grad_node1 * X",
        "grad_X = grad_node1 * Y",
    ]
    assert rule(book, "Y").sentence == (
        "dr/dY = dr/dnode3 · dnode3/dnode2 · dnode2/dnode1 · dnode1/dY; "
        "the last is X, because of the multiplication"
    )
    assert rule(book, "node3").sentence == "dr/dnode3 = 1: r is node3"


def test_several_uses_are_a_sum_of_paths():
    book = program({"a": "X * X", "b": "exp(X)", "out": "sum(a + b)"}, {"X": X}).book
    found = rule(book, "X")
    assert found.text == "dr/dX = dr/da · da/dX + dr/db · db/dX"
    assert [str(step) for step in found.steps] == [
        "da/dX is X + X, because of the multiplication",
        "db/dX is b, because of exp",
    ]
    assert book.backward["X"] == ["grad_X = b * grad_b + grad_a * X + grad_a * X"]


@pytest.mark.parametrize(
    ("graph", "inputs", "of", "said"),
    [
        ({"y": "X + b", "out": "sum(y)"}, {"X": X, "b": InputSpec("normal", (3,))}, "b",
         "dy/db is 1, because of the addition, summed over the axes along which b is repeated"),
        ({"out": "mean(X)"}, {"X": X}, "X",
         "dout/dX is 1 / 12 for each element of X, because of the mean"),
        ({"y": "X / W", "out": "sum(y)"}, {"X": X, "W": X}, "W",
         "dy/dW is -(1 / W) * y, because of the division"),
        ({"y": "relu(X)", "out": "sum(y)"}, {"X": X}, "X",
         "dy/dX is np.where(np.isnan(X), 0, np.where(y_a, 0, 1)), because of relu"),
        ({"y": "X @ W", "out": "sum(y)"}, {"X": X, "W": InputSpec("normal", (3, 2))}, "W",
         "dy/dW is a linear map, no factor for each element, because of the matrix product"),
        ({"y": "softmax(X)", "out": "sum(y * y)"}, {"X": X}, "X",
         "dy/dX is a linear map, no factor for each element, because of softmax"),
    ],
)  # fmt: skip
def test_the_local_derivative_says_why(graph, inputs, of, said):
    (step,) = rule(program(graph, inputs).book, of).steps
    assert str(step) == said


def test_a_step_inside_an_expression_has_a_name_of_its_own():
    case = make({"h": "tanh(X * W + 1)", "h_1": "exp(h)", "out": "sum(h_1)"}, {"X": X, "W": X})
    book = Program.of(case).book
    assert book.names["h/1"] == "h_1_"
    assert rule(book, "h/1").text.endswith("· dh/dh_2 · dh_2/dh_1_")
    assert "step h/1" in text(Program.of(case))


def test_a_long_path_starts_from_a_gradient_that_is_known():
    chain = {f"n{i}": f"exp(n{i - 1})" for i in range(1, 2000)}
    small = {"X": InputSpec("constant", (), {"value": -1.0})}
    found = rule(program({"n0": "-X", **chain}, small).book, "X").text
    assert found.startswith("dr/dX = dr/dn6 · dn6/dn5 · ")


def test_what_the_output_ignores_is_zero():
    book = program({"unused": "X * W", "out": "sum(X)"}, {"X": X, "W": X}).book
    assert rule(book, "W").text == "dr/dW = 0, because r does not depend on it"
    assert book.backward["W"] == ["grad_W = np.zeros_like(W)"]


def test_an_output_with_axes_says_what_r_is():
    book = program({"p": "softmax(X)"}, {"X": X}).book
    assert rule(book, "p").text == "dr/dp = cotangent: r is sum(cotangent * p)"
    assert book.backward["p"] == ["grad_p = cotangent"]


def test_every_op_that_has_a_derivative_says_its_formula():
    assert [op.name for op in OPS.values() if op.differentiable and not op.vjp] == []
    assert [op.name for op in OPS.values() if not op.differentiable and op.vjp] == []


def test_names_that_the_code_needs_are_left_to_it():
    inputs = {"np": X, "grad_torch": X, "torch": X}
    written = program({"tape": "np * torch + grad_torch", "expected": "sum(tape)"}, inputs)
    names = [written.name(one) for one in (*inputs, "tape", "expected")]
    assert names == ["np_", "grad_torch", "torch_", "tape_", "expected_"]
    assert written.book.names.gradient("torch") == "grad_torch_"


def test_large_arrays_are_shown_by_their_corners():
    shown = text(program({"out": "sum(X)"}, {"X": InputSpec("normal", (300, 200))}))
    assert "300×200" in shown
    assert "..." in shown
    assert len(shown.splitlines()) < 60


@pytest.mark.parametrize("name", CONFIGS)
def test_every_line_by_hand_is_python(name):
    book = Program.of(CONFIGS[name]).book
    for lines in (*book.forward.values(), *book.backward.values()):
        ast.parse("\n".join(lines))


def test_a_wrong_pullback_is_written_as_wrong_as_it_is(monkeypatch):
    def spoilt(x, y):
        return x * y, lambda dz: (dz * x, dz * x)

    monkeypatch.setitem(OPS["multiply"].__dict__, "reference", spoilt)
    book = program({"y": "X * W", "out": "sum(y)"}, {"X": X, "W": X}).book
    assert book.backward["X"] == ["grad_X = grad_y * X"]
    assert np.array_equal(book.gradients["X"].value, book.values["X"].value)


@pytest.mark.parametrize(
    ("array", "source"),
    [
        (np.ones((4, 3)), "np.ones((4, 3))"),
        (np.zeros(5), "np.zeros((5,))"),
        (-np.zeros(5), "np.full((5,), -0.0)"),
        (np.arange(1.0, 13).reshape(4, 3), "(1.0 + np.arange(12)).reshape(4, 3)"),
        (np.arange(6).reshape(2, 3), "np.arange(6).reshape(2, 3)"),
        (np.full((2, 2), np.nan), "np.full((2, 2), np.nan)"),
        (np.zeros((0, 3)), "np.zeros((0, 3), dtype=np.float64)"),
        (np.tri(3, 4, dtype=bool), "np.tri(3, 4, dtype=bool)"),
        (np.array([0.1, -np.inf]), "np.array([0.1, -np.inf])"),
        (np.array([True, False]), "np.array([True, False])"),
    ],
)
def test_an_array_is_written_as_what_makes_it_to_the_bit(array, source):
    tree = written(array)
    assert ast.unparse(tree) == source
    made = eval(source, {"np": np})
    assert (made.dtype, made.shape, made.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_a_large_array_without_a_form_is_not_written():
    assert written(np.sin(np.arange(1000.0))) is None
