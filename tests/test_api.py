"""From a case to a verdict: repeated, node by node, on workers of one's own."""

from dataclasses import replace

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.case import BackendSpec, Case, Effort, Expression, InputSpec
from gradcmp.config import as_written
from gradcmp.judge.verdict import Pair
from gradcmp.ops import OPS
from gradcmp.recording import BFLOAT16, Failure

CASE = Case(
    "api",
    {name: InputSpec("normal", (4, 3)) for name in "XY"},
    {
        "a": Expression("exp(X * Y)"),
        "b": Expression("a + X"),
        "out": Expression("sum(tanh(b) * Y)"),
    },
    "out",
    ("X", "Y"),
    (BackendSpec("numpy"), BackendSpec("numpy", dtype="float32")),
)
PAIR = Pair("numpy,dtype=float32", "numpy")


@pytest.mark.processes
def test_a_case_agrees_with_itself_in_another_dtype():
    verdict = gradcmp.run(CASE)
    assert verdict.agrees
    assert set(verdict.twins) == {"numpy,dtype=float32"}
    assert verdict.tensors == ("a", "b", "out", "d out", "d b", "d a", "d Y", "d X")


@pytest.mark.processes
def test_numpy_gives_the_same_bits_every_time():
    verdict = gradcmp.run(CASE, effort=Effort(repeat=3))
    assert verdict.runs == 3
    assert not verdict.unsteady


class Losing(gradcmp.Pool):
    """Loses one run of the backend in float32: the one that comes back so many-th."""

    def __init__(self, place):
        super().__init__()
        self.place = place

    def run(self, asked):
        seen = 0
        for request, outcome in super().run(asked):
            mine = request.label == PAIR.actual and request.spec.dtype == "float32"
            seen += mine
            if mine and seen == self.place:
                outcome = Failure(request.label, "crashed", "it was lost", required=False)
            yield request, outcome


@pytest.mark.processes
@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_run_that_is_lost_fails_the_case(place):
    with Losing(place) as pool:
        verdict = gradcmp.run(CASE, pool, Effort(repeat=3))
    assert [failure.message for failure in verdict.failures] == ["in one of the runs: it was lost"]
    assert verdict.exit_code == 3
    assert verdict.comparisons[PAIR]["d X"].agrees


@pytest.mark.processes
def test_each_node_alone():
    verdict = gradcmp.run(CASE, effort=Effort(isolate=True))
    assert set(verdict.isolated) == {"a", "b", "out"}
    for node, alone in verdict.isolated.items():
        assert alone.agrees
        assert alone.tensors[0] == node
    assert set(verdict.isolated["b"].case.inputs) == {"a", "X"}


@pytest.mark.usefixtures("with_torch")
def test_a_wrong_op_is_wrong_by_itself_and_what_it_hands_on_is_not():
    torch = replace(
        CASE,
        backends=(BackendSpec("numpy"), BackendSpec("torch")),
        graph={**CASE.graph, "b": Expression("gelu(a)")},
    )
    spoiled = replace(torch, graph={**torch.graph, "b": Expression('gelu(a, approximate="tanh")')})
    requests = []

    class Spoiling(gradcmp.Pool):
        """Hands torch another formula for node b."""

        def run(self, asked):
            asked = list(asked)
            changed = {
                (
                    replace(
                        request,
                        body=tuple(
                            (name, spoiled.graph[name].text if name == "b" else text)
                            for name, text in request.body
                        ),
                    )
                    if request.spec.name == "torch"
                    else request
                ): request
                for request in asked
            }
            requests.extend(changed)
            return ((changed[request], outcome) for request, outcome in super().run(changed))

    with Spoiling() as pool:
        verdict = gradcmp.run(torch, pool, Effort(isolate=True))
    pair = Pair("torch", "numpy")
    assert requests
    assert not verdict.agrees
    assert verdict.divergences[pair]["out"].forward == "b"
    assert not verdict.comparisons[pair]["out"].agrees  # the error is handed on
    assert [node for node, alone in verdict.isolated.items() if not alone.agrees] == ["b"]


def test_the_spoiled_op_above_is_one_that_exists():
    assert "gelu" in OPS


def test_python_infers_what_yaml_infers():
    case = Case(
        "mine", {"x": "normal:4x3", "n": "integers:4:high=3"}, {"y": "take(x, n)", "s": "sum(y)"}
    )
    plan = gradcmp.check(as_written(case))
    assert (plan.case.output, plan.case.wrt) == ("s", ("x",))
    assert gradcmp.check(replace(plan.case, output="y")).case.output == "y"


@pytest.mark.processes
def test_a_config_is_run_by_its_path(tmp_path, caplog):
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    case = "{name: %s, inputs: {x: normal:3}, graph: {y: sum(x * x)}, backends: [numpy, %s]}"
    coarse = "'numpy,dtype=float32'"
    one.write_text(case % ("first", coarse))
    two.write_text(f"cases: [{case % ('a', coarse)}, {case % ('b', coarse)}]")
    with caplog.at_level("INFO", "gradcmp"):
        assert gradcmp.run(one).agrees
    assert "<CaseVerdict 'first': agree" in caplog.text
    assert [one.case.name for one in gradcmp.run_all(str(two))] == ["a", "b"]
    with pytest.raises(gradcmp.GradcmpError, match="has 2 cases"):
        gradcmp.run(two)


@pytest.mark.frameworks
def test_tensors_stand_wherever_arrays_do():
    torch = framework("torch")
    tensor = torch.ones(4, 3, dtype=torch.bfloat16, requires_grad=True)
    assert gradcmp.compare(tensor, np.ones((4, 3), BFLOAT16)).agrees
    assert not gradcmp.compare(tensor, 2 * tensor).agrees
    spec = InputSpec("values", parameters={"values": tensor})
    plan = gradcmp.check(replace(CASE, inputs={"X": spec, "Y": spec}))
    np.testing.assert_array_equal(plan.draw().inputs["X"], np.ones((4, 3)))
