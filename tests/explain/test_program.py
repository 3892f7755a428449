"""What is written out computes what gradcmp computes, op by op, without gradcmp."""

import ast
from dataclasses import replace

import numpy as np
import pytest
from explained import make, of_example, reference, run

from gradcmp import inputs as drawn
from gradcmp.backends.jax import JaxBackend
from gradcmp.backends.registry import BUILT_IN
from gradcmp.case import Expression, InputSpec
from gradcmp.errors import UsageError
from gradcmp.explain.native import Symbol
from gradcmp.explain.program import Program
from gradcmp.graph import build, infer
from gradcmp.ops import OPS

# Functions of a framework that compute part of a float64 result in float32.
IN_FLOAT32 = {
    ("tensorflow", "ctc_loss"),
    ("tensorflow", "gelu"),
    ("torch", "digamma"),
    ("torch", "hard_sigmoid"),
}
EXAMPLES = [
    pytest.param(
        op, example, id=example.expression, marks=pytest.mark.thorough if number > 1 else ()
    )
    for op in OPS.values()
    for number, example in enumerate(op.examples)
]


def kind_of_output(case):
    return infer(build(case), drawn.specs(case))[case.output].kind


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_every_op_by_hand_is_the_reference(op, example, tmp_path):
    case = of_example(op, example)
    if not op.differentiable:  # truth values and indices: an output is made of them
        asked = {"bool": case.output, "int": f"{case.output} == 0"}.get(kind_of_output(case))
        if asked:
            chosen = {"chosen": Expression(f"where({asked}, z, 2.0)")}
            inputs = {**case.inputs, "z": InputSpec("ones", ())}
            case = replace(
                case, inputs=inputs, graph={**case.graph, **chosen}, output="chosen", wrt=("z",)
            )
    program = Program.of(case)
    names, _ = run(program, "numpy", tmp_path)
    expected = reference(case)
    for name, value in expected.values.items():
        np.testing.assert_allclose(names[program.name(name)], value, 1e-13, 1e-14, strict=False)
    for name, gradient in expected.gradients.items():
        found = np.asarray(names[program.book.names.gradient(name)])
        assert found.shape == gradient.shape
        np.testing.assert_allclose(found, gradient, 1e-13, 1e-14)


# Of each file of ops the last one, and for JAX of each room: it compiles every primitive by itself,
# which takes seconds.
LAST = {op.reference.__module__: op for op in OPS.values() if op.differentiable}
OF_ROOM = {module.split(".")[2]: op for module, op in LAST.items()}


def marks_of(name, op):
    asked = OF_ROOM if name == "jax" else LAST
    return () if op in asked.values() else pytest.mark.thorough


@pytest.mark.parametrize(
    ("name", "op"),
    [
        pytest.param(name, op, id=f"{name}-{op.name}", marks=marks_of(name, op))
        for name in BUILT_IN
        for op in OPS.values()
        if name != "numpy" and op.differentiable
    ],
)
def test_every_op_in_every_idiom_agrees(name, op, adapter, tmp_path):
    framework = adapter(name)
    if framework.idiom is None:
        pytest.skip(f"{framework.name} has no idiom")
    dtype = "float32" if (framework.name, op.name) in IN_FLOAT32 else "float64"
    programs = [
        Program.of(replace(of_example(op, example), dtype=dtype)) for example in op.examples
    ]
    assert all(program.native(framework.name) for program in programs)  # all can be written
    if framework.name != "jax" or op in LAST.values():
        _, printed = run(programs[-1], framework.name, tmp_path)
        assert "out differs from NumPy's by at most" in printed


def test_the_step_of_a_loop_hides_no_name_of_the_graph():
    """A parameter of the step that is written out may be what a tensor outside is called."""
    weight, module = (Symbol(ast.Name(name), JaxBackend.idiom) for name in ("carry", "jax"))
    written = module.scan(lambda carry, a: (carry * weight + a, carry), weight)
    text = "jax.scan(lambda carry_, a: (carry_ * carry + a, carry_), carry)"
    assert ast.unparse(written.tree) == text


def test_complex_numbers_are_refused():
    case = make({"out": "sum(abs(X))"}, {"X": InputSpec("normal", (2,))}, "complex64")
    with pytest.raises(UsageError, match="computes in complex64, and derivations are of real"):
        Program.of(case)
