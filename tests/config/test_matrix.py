"""Defaults, matrices and variables: many cases from one."""

import pytest

from gradcmp.case import Ulp
from gradcmp.config import load_text
from gradcmp.errors import ConfigError

BODY = "graph:\n  a: sum(X)\n"


def refusal(text):
    with pytest.raises(ConfigError) as caught:
        load_text(text, "f.yaml")
    return str(caught.value)


def test_a_matrix_is_a_product():
    cases = load_text(
        "name: m\ninputs:\n  X: {kind: normal, shape: [n, 3]}\n" + BODY
        + "matrix: {dtype: [float32, float64], seed: [0, 1, 2], n: [16, 64]}\n",
        "f.yaml",
    )  # fmt: skip
    assert len(cases) == 12
    assert cases[0].name == "m[dtype=float32,seed=0,n=16]"
    assert cases[-1].name == "m[dtype=float64,seed=2,n=64]"
    assert (cases[-1].dtype, cases[-1].seed) == ("float64", 2)
    assert cases[-1].inputs["X"].shape == (64, 3)
    assert cases[-1].inputs["X"].where.line == 3


def test_variables_stand_in_shorthand_expressions_and_alone():
    (one, two) = load_text(
        "name: m\ninputs:\n  X: '${kind}:${n}x3'\n  Y: {kind: ones, shape: '${s}'}\n"
        "  Z: {kind: zeros, shape: n}\n"
        "graph:\n  a: sum(X, axis=${axis}) * ${half}\n"
        "matrix: {kind: [normal, ones], n: [2], s: [[2, 3]], axis: [1], half: [0.5]}\n",
        "f.yaml",
    )
    assert (one.inputs["X"].kind, two.inputs["X"].kind) == ("normal", "ones")
    assert two.inputs["X"].shape == (2, 3)
    assert two.inputs["Y"].shape == (2, 3)
    assert two.inputs["Z"].shape == (2,)
    assert two.graph["a"].text == "sum(X, axis=1) * 0.5"
    assert two.name == "m[kind=ones,n=2,s=[2, 3],axis=1,half=0.5]"


def test_a_matrix_can_vary_what_is_no_single_value():
    cases = load_text(
        "inputs: {X: ones:3}\n" + BODY + "matrix:\n  tolerance: [{ulp: 1}, {ulp: 2}]\n"
        "  backends: [[numpy, torch], [numpy, jax]]\n",
        "f.yaml",
    )
    assert [case.tolerance for case in cases] == [Ulp(1), Ulp(1), Ulp(2), Ulp(2)]
    assert [str(case.backends[1]) for case in cases] == ["torch", "jax"] * 2


def test_defaults_are_merged_by_name_or_replaced():
    one, two = load_text(
        "defaults:\n"
        "  inputs: {X: ones:3, Y: ones:3}\n"
        "  graph: {p: X * Y}\n"
        "  backends: [numpy, torch]\n"
        "  seed: 1\n"
        "cases:\n"
        "- {name: one, graph: {q: p + X}, inputs: {X: zeros:3}}\n"
        "- {name: two, backends: [jax], seed: 2, matrix: {dtype: [float64]}}\n",
        "f.yaml",
    )
    assert {name: spec.kind for name, spec in one.inputs.items()} == {"X": "zeros", "Y": "ones"}
    assert list(one.graph) == ["p", "q"]
    assert one.output == "q"
    assert one.graph["p"].where.line == 3
    assert one.graph["q"].where.line == 7
    assert (one.seed, two.seed) == (1, 2)
    assert [str(backend) for backend in two.backends] == ["jax"]
    assert (two.name, two.dtype) == ("two[dtype=float64]", "float64")


def test_a_matrix_in_the_defaults_serves_every_case():
    cases = load_text(
        "defaults: {inputs: {X: ones:3}, graph: {a: X * X}, matrix: {seed: [0, 1]}}\n"
        "cases: [{name: one}, {name: two}]\n",
        "f.yaml",
    )
    assert [case.name for case in cases] == [
        "one[seed=0]", "one[seed=1]", "two[seed=0]", "two[seed=1]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "inputs:\n  X: 'normal:${m}x3'\ngraph: {a: sum(X)}\nmatrix: {nn: [1], mm: [2]}\n",
            "f.yaml:2: there is no matrix variable 'm'. Did you mean 'mm'?",
        ),
        (
            "inputs:\n  X: {kind: ones, shape: [n, 3]}\ngraph: {a: sum(X)}\n",
            "f.yaml:2: there is no matrix variable 'n'. Define it as a list under 'matrix'.",
        ),
        (
            "inputs:\n  X: ones:3\ngraph:\n  a: sum(X) * ${n}\nmatrix: {n: [[1], 2]}\n",
            "f.yaml:4: the matrix variable 'n' is [1], and cannot stand inside text. "
            "Let it stand alone.",
        ),
    ],
)
def test_a_wrong_variable(text, message):
    assert refusal(text) == message


def test_a_dollar_alone_is_no_variable():
    (case,) = load_text("description: 5 $ or $x\ninputs: {X: ones:3}\n" + BODY, "f")
    assert case.description == "5 $ or $x"


def test_the_number_of_cases_is_bounded_before_they_are_made():
    axis = "[" + ", ".join(map(str, range(101))) + "]"
    inputs = "inputs: {X: 'normal:3:mean=${m},std=${s}'}\n"
    text = f"{inputs}{BODY}matrix:\n  m: {axis}\n  s: {axis}\n"
    assert refusal(text) == (
        "f.yaml:4: the file describes more than 10000 cases. Shorten a list under 'matrix'."
    )
    huge = "".join(f"  v{i}: {axis}\n" for i in range(40))  # 101 ** 40: never to be enumerated
    assert "more than 10000 cases" in refusal(f"inputs: {{X: ones:3}}\n{BODY}matrix:\n{huge}")
