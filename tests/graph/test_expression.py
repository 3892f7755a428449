"""The expression language: what it reads, and that it refuses everything else."""

import pytest

from gradcmp.case import Expression
from gradcmp.errors import GraphError, Location
from gradcmp.graph import Constant
from gradcmp.graph.expression import MAX_DEPTH, MAX_LENGTH, parse

WHERE = Location("port.yaml", 7)


def nodes(text):
    return parse("n", Expression(text, WHERE))


def shape_of(text):
    return [(node.name, node.op, node.operands) for node in nodes(text)]


@pytest.mark.parametrize(
    ("text", "op"),
    [
        ("a + b", "add"),
        ("a - b", "subtract"),
        ("a * b", "multiply"),
        ("a / b", "divide"),
        ("a ** b", "power"),
        ("a @ b", "matmul"),
        ("a > b", "greater"),
        ("a != b", "not_equal"),
    ],
)
def test_an_operator_is_an_op(text, op):
    assert shape_of(text) == [("n", op, ("a", "b"))]


def test_python_precedence_holds():
    assert shape_of("-a ** 2 + b * c") == [
        ("n/1", "power", ("a", Constant(2))),
        ("n/2", "negative", ("n/1",)),
        ("n/3", "multiply", ("b", "c")),
        ("n", "add", ("n/2", "n/3")),
    ]


def test_a_negative_number_is_a_number():
    assert shape_of("a * -2.5") == [("n", "multiply", ("a", Constant(-2.5)))]


def test_steps_are_numbered_and_the_last_takes_the_name():
    assert [name for name, *_ in shape_of("sum(a * b + c)")] == ["n/1", "n/2", "n"]


def test_static_arguments_by_position_and_by_name():
    (by_name,) = nodes("sum(a, axis=(0, -1), keepdims=True)")
    (by_position,) = nodes("sum(a, [0, -1], True)")
    assert dict(by_name.static) == {"axis": (0, -1), "keepdims": True}
    assert by_name.static == by_position.static
    assert by_name.operands == ("a",)


@pytest.mark.parametrize(
    "text",
    [
        "binary_cross_entropy_with_logits(x, y, pos_weight=p)",
        "binary_cross_entropy_with_logits(x, y, None, p)",
    ],
)
def test_an_operand_that_is_left_out_keeps_its_place(text):
    """Else the one after it would be taken for it."""
    (node,) = nodes(text)
    assert node.operands == ("x", "y", None, "p")
    assert node.sources == ("x", "y", "p")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a[0]", (0,)),
        ("a[-1, 2:]", (-1, slice(2, None))),
        ("a[..., ::2]", (Ellipsis, slice(None, None, 2))),
        ("a[None, 1:-1]", (None, slice(1, -1))),
    ],
)
def test_indexing(text, key):
    (node,) = nodes(text)
    assert (node.op, node.operands, node.static["key"]) == ("getitem", ("a",), key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.shape", "an attribute ('a.shape')"),
        ("a.__class__.__bases__", "an attribute"),
        ("__import__('os')", "there is no op '__import__'"),
        ("__builtins__", "'__builtins__' is not part of the language"),
        ("(lambda: 1)()", "a lambda"),
        ("lambda x: x", "a lambda"),
        ("[x for x in a]", "a comprehension"),
        ("sum(x for x in a)", "a comprehension"),
        ("{x: 1 for x in a}", "a comprehension"),
        ("a if b else c", "an if expression"),
        ("a and b", "'and' or 'or'"),
        ("not a", "is not part of the language"),
        ("~a", "is not part of the language"),
        ("a // b", "is not part of the language"),
        ("a << b", "is not part of the language"),
        ("a < b < c", "is not part of the language"),
        ("a in b", "is not part of the language"),
        ("(a := b)", "an assignment"),
        ("f'{a}'", "an f-string"),
        ("sum(*a)", "a starred argument"),
        ("sum(**a)", "'**' in a call"),
        ("sum(a)(b)", "cannot be called"),
        ("'text'", "'text' stands where an array or a number is needed"),
        ("1j * a", "1j stands where"),
        ("[a, b]", "is not part of the language"),
        ("a[b]", "'b' is not an index"),
        ("a * 1e400", "beyond float64, which ends at 1.8e308. Write inf"),
        ("clip(a, 0, 1e400)", "Write inf"),
        ("sum(a, 0, axis=1)", "sum: 'axis' is given twice"),
        ("sum(a, 0, False, 1)", "'1' is one argument too many. Its form is sum(x, axis=None"),
        ("a[1.5]", "is not an index"),
        ("a[True]", "is not an index"),
        ("a['x']", "is not an index"),
        ("sum(a, axis=b)", "must be a literal"),
        ("sum(a, axes=0)", "sum has no argument 'axes'. Did you mean 'axis'?"),
        ("summ(a)", "there is no op 'summ'. Did you mean 'sum'?"),
        ("sum()", "missing a required argument: 'x'"),
        ("sum(a, axis=0, axis=1)", "sum: 'axis' is given twice"),
        ("getitem(a, 0)", "there is no op 'getitem'"),
        ("a +", "cannot read 'a +'"),
        ("", "cannot read ''"),
        ("a; b", "cannot read"),
        ("import os", "cannot read"),
        ("a", "computes nothing"),
        ("3", "computes nothing"),
        ("a\0b", "node 'n'"),
        ("a" + "+a" * MAX_LENGTH, "is longer than"),
        ("-" * (MAX_DEPTH + 2) + "a", "nested deeper"),
        ("(" * 5000 + "a" + ")" * 5000, "node 'n'"),
    ],
)
def test_everything_else_is_refused_with_its_place(text, message):
    with pytest.raises(GraphError) as caught:
        nodes(text)
    assert str(caught.value).startswith("port.yaml:7: node 'n': ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_is_ever_evaluated(monkeypatch):
    def refuse(*_):
        raise AssertionError("evaluated")

    monkeypatch.setattr("builtins.eval", refuse)
    monkeypatch.setattr("builtins.exec", refuse)
    assert nodes("sum(a + b)[0]")
