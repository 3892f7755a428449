"""Expressions against Python itself, which evaluates the same text on NumPy's arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gradcmp.case import Expression
from gradcmp.errors import GraphError, Location
from gradcmp.graph import forward
from gradcmp.graph.build import assemble
from gradcmp.graph.expression import parse
from gradcmp.graph.infer import infer
from gradcmp.graph.walk import constants_of, spec_of

NAMES = ("a", "b", "c")
FUNCTIONS = {"exp": np.exp, "tanh": np.tanh, "maximum": np.maximum, "where": np.where}
numbers = st.integers(0, 9).map(str) | st.floats(0.25, 8, width=16).map(repr)
leaves = st.sampled_from(NAMES) | numbers
arrays = npst.arrays(np.float64, (3, 3), elements=st.floats(-4, 4, width=16))


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Write a larger expression; without brackets the text may mean another one, which is fine."""
    blank = st.sampled_from(["", " "])
    operator = st.sampled_from(["+", "-", "*", "/", "**"])
    binary = st.tuples(inner, blank, operator, blank, inner).map("".join)
    comparison = st.tuples(inner, st.sampled_from([">", ">=", "<", "<="]), inner).map("".join)
    return st.one_of(
        binary,
        binary,
        inner.map("({})".format),
        inner.map("-{}".format),
        inner.map("+{}".format),
        inner.map("exp({})".format),
        inner.map("tanh({})".format),
        st.tuples(inner, inner).map(lambda two: f"maximum({two[0]}, {two[1]})"),
        st.tuples(comparison, inner, inner).map(lambda three: "where({}, {}, {})".format(*three)),
        st.sampled_from(["[1]", "[-1, 1:]", "[..., ::2]", "[None]"]).flatmap(
            lambda key: st.sampled_from(NAMES).map(lambda name: name + key)
        ),
        st.just("a @ b"),
    )


expressions = st.recursive(leaves, compound, max_leaves=8)


@given(expressions, arrays, arrays, arrays)
@example("-a ** 2 ** b", np.full((3, 3), 2.0), np.full((3, 3), 1.5), np.zeros((3, 3)))
@example("a - b - c / a / b", *[np.full((3, 3), x) for x in (2.0, 1.5, 0.25)])
def test_an_expression_means_what_it_means_to_python(text, a, b, c):
    assume(text.strip("(+ )") not in NAMES)  # that computes nothing, and is refused
    values = dict(zip(NAMES, (a, b, c), strict=True))
    with np.errstate(all="ignore"):
        try:
            expected = eval(text, {"__builtins__": {}}, {**values, **FUNCTIONS})
        except (ArithmeticError, ValueError, IndexError):  # constants alone, or shapes
            assume(False)
        assume(isinstance(expected, np.ndarray) and expected.dtype.kind == "f")
        graph = assemble(NAMES, (("out", Expression(text)),), "out")
        found = forward(graph, values, constants_of(np.dtype(np.float64))).values["out"]
    assert found.shape == expected.shape
    specs = infer(graph, {name: spec_of(value) for name, value in values.items()})
    assert specs["out"].shape == expected.shape
    np.testing.assert_allclose(found, expected, 1e-12, 0)


PIECES = st.sampled_from(
    [*"abc()[]{}.,:+-*/@<>=!~^&|%'\"\\#;$?\n\t\0 01jx_éλ\u2028", "lambda", " if ", " for x in ",
     "axis=", "**", ":=", "sum(", "take(", "1e999", "0x", "9" * 400, "None", "...", "f'{a}'"]
)  # fmt: skip


@st.composite
def spoiled(draw):
    """Return an expression of which a part is gone, and another is put in."""
    text = draw(expressions)
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(begin + 3, len(text))))
        text = text[:begin] + draw(PIECES) + text[end:]
    return text


@given(spoiled() | st.text(max_size=30))
def test_whatever_is_written_gives_nodes_or_a_sentence(text):
    try:
        nodes = parse("n", Expression(text, Location("f.yaml", 7)))
    except GraphError as error:
        assert str(error).startswith("f.yaml:7: node 'n': ")
        assert "\n" not in str(error)
    else:
        assert nodes[-1].name == "n"


@given(spoiled(), arrays)
@example(f"a * {10**400}", np.ones((3, 3)))
@example(f"c * {2**63}", np.ones((3, 3)))
def test_what_fits_is_computed_and_what_does_not_is_a_sentence(text, a):
    values = {"a": a, "b": a, "c": a.astype(np.int64)}
    try:
        graph = assemble(NAMES, (("out", Expression(text)),), "out")
        specs = infer(graph, {name: spec_of(value) for name, value in values.items()})
    except GraphError:
        return
    with np.errstate(all="ignore"):
        found = forward(graph, values, constants_of(np.dtype(np.float64))).values["out"]
    assert spec_of(np.asarray(found)) == specs["out"]


@pytest.mark.parametrize("spoil", [lambda text: text.replace("-", "+"), lambda text: f"-({text})"])
def test_another_meaning_would_be_noticed(spoil):
    text, values = (
        "a - b * c",
        {name: np.arange(1.0, 4.0) * (i + 1) for i, name in enumerate("abc")},
    )
    graph = assemble(NAMES, (("out", Expression(spoil(text))),), "out")
    found = forward(graph, values, constants_of(np.dtype(np.float64))).values["out"]
    assert not np.allclose(found, eval(text, {}, values))
