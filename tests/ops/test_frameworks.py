"""Every op's values and gradients against the frameworks' own, in each mode and dtype.

The examples of all ops of a file make one graph, because asking a compiler takes longer than
what it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ml_dtypes
import numpy as np
import pytest
from op_batches import FIRST, ROOMS, answers, ask_adapter, folder, room
from op_calls import CALLS, Call
from op_compiled import COMPILED, Answer

from gradcmp.backends import Backend
from gradcmp.backends.job import Computed, Signature
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import DType
from gradcmp.errors import BackendError
from gradcmp.ops import OPS, Array, Op

pytestmark = pytest.mark.frameworks

# Parts of a float64 result in which a framework has fewer digits: constants or sums in float32, and
# a series that ends early.
FEWER_DIGITS = {
    ("tensorflow", "ctc_loss"): ("value", "d logits"),
    ("tensorflow", "gelu"): ("value", "d x"),
    ("torch", "digamma"): ("d x",),
    ("torch", "hard_sigmoid"): ("d x",),
}
# JAX's eager mode compiles every primitive by itself: minutes, for what jit traces as well.
# What torch compiles takes seconds for each graph; the first stage lies below all others.
MODES = {
    "jax": ("jit",),
    "torch": ("eager", "aot_eager"),
    "tensorflow": ("eager", "graph"),
}
# Stages are for float64, above; TensorFlow's session is asked here.
COARSE_MODE = {"jax": "jit", "torch": "eager", "tensorflow": "session"}
COARSE: tuple[DType, ...] = ("float32", "float16", "bfloat16")

LEADERS = tuple(ROOMS.values())  # the first example of each file
LEADING = tuple(call.op for call in LEADERS)


def marks_of(op: Op) -> tuple[pytest.MarkDecorator, ...]:
    """Return how an op is marked: the first one of each file is no extra."""
    return () if op in LEADING else (pytest.mark.thorough,)


STORED = {"bool": "bool", "int": "int64"}

every_op = pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)


def modes_of(framework: Backend) -> tuple[str, ...]:
    return MODES.get(framework.name, framework.modes)


def loose(dtype: DType) -> float:
    """Return how far from the reference an answer in a coarse dtype may be."""
    return 64 * float(ml_dtypes.finfo(dtype).eps)


def distances(answer: Answer, call: Call) -> dict[str, float]:
    """Return how far a value and its gradients are from the reference in float64."""
    found = {"value": distance(answer.value, call.value(call.inputs))}
    for name in call.real_inputs if call.op.differentiable else ():
        found[f"d {name}"] = distance(answer.gradients[name], call.gradients[name])
    return found


def distance(actual: Array, expected: Array) -> float:
    """Return the largest difference, relative to the largest number that is expected."""
    assert actual.shape == expected.shape
    if expected.size == 0:
        return 0.0
    if expected.dtype == bool:
        return float(np.any(actual != expected))
    error = np.abs(actual.astype(float) - expected).max()
    assert np.isfinite(error)
    return float(error / max(np.abs(expected).max(), 1e-3))


@every_op
def test_float64(framework: Backend, op: Op) -> None:
    mode = modes_of(framework)[0]
    found = answers(framework, op, mode, "float64", CALLS)
    assert len(found) == len(op.examples)
    require_close(framework, found)


@pytest.mark.parametrize(
    ("name", "mode"), [(name, mode) for name, (_, *others) in MODES.items() for mode in others]
)
@pytest.mark.parametrize(
    "op", [pytest.param(op, id=op.name, marks=marks_of(op)) for op in OPS.values()]
)
def test_other_modes(name: str, mode: str, op: Op, adapter: Callable[[str], Backend]) -> None:
    """The kernels of the first mode are those of the others: of these the first example."""
    framework = adapter(name)
    found = first_answers(framework, op, mode, "float64")
    assert len(found) == 1
    require_close(framework, found)


def first_answers(framework: Backend, op: Op, mode: str, dtype: DType) -> dict[Call, Answer]:
    """Return the answer to the first example of an op; those that lead a file go by folders."""
    if op in LEADING:
        return answers(framework, op, mode, dtype, LEADERS, folder)
    return answers(framework, op, mode, dtype, FIRST)


def require_close(framework: Backend, found: Mapping[Call, Answer]) -> None:
    for call, answer in found.items():
        for what, apart in distances(answer, call).items():
            if what in FEWER_DIGITS.get((framework.name, call.op.name), ()):
                assert 1e-11 < apart < 1e-6, (str(call), what)
            else:
                assert apart < 1e-12, (str(call), what)


@pytest.mark.parametrize(
    ("op", "dtype"),
    [
        pytest.param(
            op,
            dtype,
            id=f"{op.name}-{dtype}",
            marks=(pytest.mark.thorough,) if dtype == "float16" else marks_of(op),
        )
        for dtype in COARSE
        for op in OPS.values()
    ],
)
def test_coarse_dtypes(framework: Backend, op: Op, dtype: DType) -> None:
    if dtype not in framework.dtypes:
        pytest.skip(f"{framework.name} does not compute in {dtype}")
    [(call, answer)] = first_answers(framework, op, COARSE_MODE[framework.name], dtype).items()
    if op.differentiable:
        for what, apart in distances(answer, call).items():
            assert apart < loose(dtype), what
    expected = STORED.get(call.spec.kind, dtype)
    assert answer.value.dtype.name == expected
    for name in call.real_inputs:
        assert answer.gradients[name].dtype.name == dtype


@pytest.mark.parametrize(("name", "mode"), COMPILED)
def test_the_adapters_own_way_of_compiling_gives_the_same(
    name: str, mode: str, adapter: Callable[[str], Backend]
) -> None:
    """Which has slots beside the nodes; for an op of some rooms."""
    for call, answer in ask_adapter(adapter(name), LEADERS[::6], mode, "float64").items():
        for what, apart in distances(answer, call).items():
            assert apart < 1e-12, (str(call), what)


@pytest.mark.parametrize("spoil", [np.negative, lambda d: d * 1.001, np.flip, np.zeros_like])
def test_spoiled_gradient_is_caught(framework: Backend, spoil: Callable[[Array], Array]) -> None:
    mode = modes_of(framework)[0]
    for call, answer in answers(framework, OPS["softmax"], mode, "float64").items():
        spoiled = spoil(answer.gradients["x"])
        assert distance(spoiled, call.gradients["x"]) > 1e-4


@pytest.mark.parametrize("dtype", COARSE)
@pytest.mark.parametrize("spoil", [np.negative, np.zeros_like])
def test_spoiled_coarse_gradient_is_caught(
    framework: Backend, spoil: Callable[[Array], Array], dtype: DType
) -> None:
    if dtype not in framework.dtypes:
        pytest.skip(f"{framework.name} does not compute in {dtype}")
    found = first_answers(framework, OPS["softmax"], COARSE_MODE[framework.name], dtype)
    assert found
    for call, answer in found.items():
        assert distance(spoil(answer.gradients["x"]), call.gradients["x"]) > loose(dtype)


class Faulty(NumpyBackend):
    """It computes all but one op."""

    def compute(
        self, signature: Signature, inputs: Mapping[str, Array], cotangent: Array
    ) -> Computed:
        if any(node.op == "greater" for node in signature.graph):
            raise BackendError("it has no 'greater'")
        return super().compute(signature, inputs, cotangent)


def test_an_op_that_fails_fails_alone() -> None:
    framework = Faulty("cpu")
    assert room(OPS["greater"]) == room(OPS["equal"])
    with pytest.raises(BackendError, match="it has no 'greater'"):
        answers(framework, OPS["greater"], "manual", "float64")
    found = answers(framework, OPS["equal"], "manual", "float64")
    assert len(found) == len(OPS["equal"].examples)
    for call, answer in found.items():
        assert distances(answer, call) == {"value": 0}
