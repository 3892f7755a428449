"""What backends compute is measured; a wrong number is seen, and a hole has its reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradcmp.case import DTYPES, BackendSpec, Expression
from gradcmp.cli import main
from gradcmp.cli.about.ops import AT_ONCE
from gradcmp.errors import RecordingError
from gradcmp.graph.build import assemble
from gradcmp.measured.asked import Given, ask
from gradcmp.measured.calls import drawn, renamed, request
from gradcmp.measured.support import (
    Support,
    distance,
    is_close,
    merged,
    read,
    reasons,
    signs,
    text,
)
from gradcmp.ops import OPS
from gradcmp.recording import Failure, Recording

STORED = Path(__file__).parents[2] / "docs" / "assets" / "ops.json"
MEASURE = "gradcmp ops --measure -b numpy -b torch:eager -b tensorflow:eager -b jax:jit --into"
RELU = [drawn(OPS["relu"], example, "float64") for example in OPS["relu"].examples]


def test_every_op_was_measured() -> None:
    known = read(STORED).ops
    assert {*OPS} - {*known} == set(), f"run: {MEASURE} docs/assets/ops.json"
    assert {*known} - {*OPS} == set(), "these ops are gone"


def test_what_was_measured_is_close_or_has_a_reason() -> None:
    found = read(STORED)
    assert found.versions
    for why, places in reasons(found).items():
        assert why, places
    for op, row in found.ops.items():
        assert signs(row["numpy:manual"]) == "✓" * len(DTYPES), op


@pytest.mark.parametrize(
    "spoil", [np.negative, lambda d: d * 1.001, lambda d: d[::-1].copy(), np.zeros_like]
)
def test_a_spoiled_gradient_or_value_is_not_close(spoil) -> None:
    call = RELU[0]
    right = Given(call.value, call.gradients)
    assert distance(call, right, "float64") == 0
    assert not is_close(
        distance(call, replace(right, gradients={"x": spoil(call.gradients["x"])}), "float64")
    )
    assert not is_close(distance(call, replace(right, value=spoil(call.value)), "float64"))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda x: x.astype(np.float32), "the value is of dtype float32"),
        (lambda x: x.reshape(-1), "the value has shape (12,), and must have (4, 3)"),
        (lambda x: np.where(x > 0, np.nan, x), "the value is NaN or infinite where"),
        (lambda x: np.where(x > 0, np.inf, x), "the value is NaN or infinite where"),
    ],
)
def test_what_is_odd_is_said(spoil, why) -> None:
    call = RELU[0]
    said = distance(call, Given(spoil(call.value), call.gradients), "float64")
    assert isinstance(said, str)
    assert said.startswith(why)


class Fails:
    """A pool whose backend fails for graphs with a certain op, and else answers as NumPy would."""

    def __init__(self, op: str) -> None:
        self.op, self.asked = op, 0

    def run(self, requests):
        for one in requests:
            self.asked += 1
            body = tuple((name, Expression(said)) for name, said in one.body)
            graph = assemble(tuple(one.inputs), body, one.output)
            if any(node.op == self.op for node in graph):
                yield one, Failure(one.label, "error", f"no kernel for {self.op}\nat line 3")
                continue
            values = {}
            for name in (node.name for node in graph.named if node.name.startswith("result")):
                values[name] = np.zeros(())
            gradients = {name: np.zeros(()) for name in one.inputs}
            yield one, Recording(one.label, "float64", values, gradients)


def test_a_graph_that_fails_is_asked_again_down_to_what_it_fails_for() -> None:
    ops = ("relu", "exp", "sin", "erf", "tanh")
    calls = [drawn(OPS[name], OPS[name].examples[0], "float64") for name in ops]
    spec = BackendSpec("torch", "eager", "float64")
    pool = Fails("sin")
    found = {call.op.name: given for _, call, given in ask(pool, [(spec, calls)])}
    assert found.pop("sin") == "no kernel for sin"
    assert {*found} == {"relu", "exp", "erf", "tanh"}
    assert all(isinstance(given, Given) for given in found.values())
    assert pool.asked < 2 * len(calls)


def test_several_calls_in_a_graph_keep_their_inputs_apart() -> None:
    asked = request(BackendSpec("numpy", "manual", "float64"), RELU)
    assert {"x_0", "x_1", "x_2", "cotangent_0"} <= {*asked.inputs}
    assert renamed("max(x, axis=x)", {"x": "x_1", "max": "y", "axis": "z"}) == (
        "max(x_1, axis=x_1)"
    )


def test_the_worst_example_counts_and_a_reason_more_than_any() -> None:
    found = Support()
    for cell in (1.0, 3.0, 2.0):
        found.note("relu", "torch:eager", "float64", cell)
    assert found.ops["relu"]["torch:eager"]["float64"] == 3.0
    found.note("relu", "torch:eager", "float64", "no kernel")
    found.note("relu", "torch:eager", "float64", 1.0)
    assert reasons(found)["no kernel"] == ["relu torch:eager float64"]
    assert signs(found.ops["relu"]["torch:eager"]) == "––––"


def test_what_is_no_more_precise_than_float32_is_called_so() -> None:
    found = Support({}, {"gelu": {"tensorflow:eager": {"float64": 1e8, "float32": 1e8}}})
    assert signs(found.ops["gelu"]["tensorflow:eager"]) == "✗✗––"
    assert reasons(found)["no more precise than float32"] == ["gelu tensorflow:eager float64"]


def test_a_file_is_read_as_it_was_written_and_added_to(tmp_path) -> None:
    file = tmp_path / "ops.json"
    first = Support({"numpy": "2.0"}, {"relu": {"numpy:manual": {"float64": 1.0}}})
    more = Support({"torch": "2.1"}, {"relu": {"torch:eager": {"float64": 'no "kernel"'}}})
    file.write_text(text(merged(first, more)), "utf-8")
    assert read(file) == merged(first, more)
    file.write_text("[]", "utf-8")
    with pytest.raises(RecordingError, match="holds no measurement of ops"):
        read(file)


@pytest.mark.processes
def test_the_command_measures_what_a_file_lacks(tmp_path, capsys) -> None:
    file = tmp_path / "ops.json"
    given = ["ops", "--measure", "-b", "numpy", "--into", str(file)]
    assert main([*given, "relu", "swish"]) == 0
    said = capsys.readouterr().out
    assert said.count("✓✓✓✓") == 2
    assert {*json.loads(file.read_text("utf-8"))["ops"]} == {"relu", "silu"}
    assert main(["ops", "--into", str(file)]) == 2
    assert "--backend and --into are for --measure" in capsys.readouterr().err


def test_what_was_measured_before_an_interrupt_is_kept(tmp_path, monkeypatch) -> None:
    file, names = tmp_path / "ops.json", [*OPS][: 2 * AT_ONCE]

    def measure(pool, specs, ops):
        if ops[0].name != names[0]:
            raise KeyboardInterrupt
        return Support({}, {op.name: {"numpy:manual": {"float64": 0.0}} for op in ops})

    monkeypatch.setattr("gradcmp.measured.support.measure", measure)
    assert main(["ops", "--measure", "-b", "numpy", "--into", str(file), *names]) == 130
    assert {*read(file).ops} == {*names[:AT_ONCE]}
