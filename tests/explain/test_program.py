"""What is written out computes what gradcmp computes, op by op, without gradcmp."""

from dataclasses import replace

import numpy as np
import pytest
from explained import of_example, reference, run

from gradcmp.case import Expression
from gradcmp.explain.program import Program
from gradcmp.ops import OPS

# Functions of a framework that compute part of a float64 result in float32.
IN_FLOAT32 = {
    ("tensorflow", "gelu"),
    ("torch", "digamma"),
    ("torch", "hard_sigmoid"),
    ("jax", "scaled_dot_product_attention"),
}
EXAMPLES = [
    pytest.param(op, example, id=example.expression)
    for op in OPS.values()
    for example in op.examples
]


@pytest.mark.parametrize(("op", "example"), EXAMPLES)
def test_every_op_by_hand_is_the_reference(op, example, tmp_path):
    case = of_example(op, example)
    if not op.differentiable:  # truth values have no gradient: an output is made of them
        chosen = Expression(f"where({case.output}, x, 2.0)")
        case = replace(case, graph={**case.graph, "chosen": chosen}, output="chosen")
    program = Program.of(case)
    names, _ = run(program, "numpy", tmp_path)
    expected = reference(case)
    for name, value in expected.values.items():
        np.testing.assert_allclose(names[program.name(name)], value, 1e-13, 1e-14, strict=False)
    for name, gradient in expected.gradients.items():
        found = np.asarray(names[program.book.names.gradient(name)])
        assert found.shape == gradient.shape
        np.testing.assert_allclose(found, gradient, 1e-13, 1e-14)


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_every_op_in_every_idiom_agrees(op, framework, tmp_path):
    if framework.idiom is None:
        pytest.skip(f"{framework.name} has no idiom")
    # JAX compiles every primitive by itself, which takes seconds.
    for example in op.examples[-1:] if framework.name == "jax" else op.examples:
        if op.differentiable:
            dtype = "float32" if (framework.name, op.name) in IN_FLOAT32 else "float64"
            program = Program.of(replace(of_example(op, example), dtype=dtype))
            _, printed = run(program, framework.name, tmp_path)
            assert "out differs from NumPy's by at most" in printed
