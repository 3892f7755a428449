"""What the frameworks return at kinks is measured; an answer that changed is named, and cited."""

from __future__ import annotations

import numpy as np
import pytest

from gradcmp.backends import Backend
from gradcmp.case import BackendSpec
from gradcmp.cli import main
from gradcmp.errors import ExitCode, RecordingError
from gradcmp.measured.asked import Given, taken
from gradcmp.measured.calls import drawn, request
from gradcmp.measured.conventions import answer, by_dtype, calls, measure, numbers
from gradcmp.ops import OPS
from gradcmp.ops.conventions import (
    Conventions,
    alike,
    changed,
    merged,
    points,
    read,
    stored,
    text,
)
from gradcmp.recording import Failure
from gradcmp.workers.wire import job_from_bytes, request_to_bytes

POINTS = list(points(OPS.everything()))
CALLS = calls(OPS.everything())
BASIC = {
    *("relu", "abs", "maximum", "minimum", "clip", "max", "min", "max_pool", "norm", "std"),
    *("sqrt", "power", "where", "softmax"),
}


def ask(backend: Backend) -> Conventions:
    """Ask a framework that is loaded here, in its default mode and in one graph for each dtype."""
    mode, found = backend.modes[0], Conventions()
    for dtype, asked in by_dtype(CALLS).items():
        made = request(BackendSpec(backend.name, mode, dtype), asked)
        with np.errstate(all="ignore"):
            recording = backend.record(job_from_bytes(request_to_bytes(made)))
        for i, one in enumerate(asked):
            row = found.rows.setdefault(one.op.name, {}).setdefault(one.name, {})
            row[f"{backend.name}:{mode}"] = answer(taken(recording, i, one))
    return found


def test_no_answer_of_an_installed_framework_has_changed(framework: Backend) -> None:
    lines = list(changed(stored(), ask(framework)))
    assert not lines, "run: gradcmp conventions --measure --into gradcmp/ops/conventions.json"


def test_no_answer_of_the_reference_has_changed(adapter) -> None:
    assert not list(changed(stored(), ask(adapter("numpy"))))


def test_an_answer_that_changed_is_named() -> None:
    found = {"relu": {"x = 0": {"torch:eager": "value 0, d x 0.5", "new:eager": "value 0"}}}
    before = stored().rows["relu"]["x = 0"]["torch:eager"]
    assert list(changed(stored(), Conventions({}, found))) == [
        f"relu at x = 0, torch:eager: value 0, d x 0.5, and was {before}"
    ]


def test_every_point_was_measured_in_every_framework() -> None:
    for op, kink in POINTS:
        ways = {way.partition(":")[0] for way in stored().answers(op, kink)}
        assert {"numpy", "torch", "tensorflow", "jax"} <= ways, (op.name, kink.name)
    rows = {(op, point) for op, by in stored().rows.items() for point in by}
    assert rows == {(op.name, kink.name) for op, kink in POINTS}


def test_the_points_are_those_of_the_field_and_each_has_a_reason() -> None:
    assert {op.name for op, _ in POINTS} >= BASIC
    assert all(kink.why for _, kink in POINTS)
    names = [(op.name, kink.name) for op, kink in POINTS]
    assert len(names) == len({*names})


@pytest.mark.parametrize(("op", "kink"), POINTS, ids=lambda one: getattr(one, "name", ""))
def test_a_point_meets_itself_and_a_plain_one_does_not(op, kink) -> None:
    if kink.met is None:
        return
    (there,) = (call for call in CALLS if call.op is op and call.name == kink.name)
    plain = drawn(op, op.examples[0], "float64")  # where tests are drawn from is clear of kinks
    for call, met in ((there, True), (plain, False)):
        node = call.graph.nodes[-1]
        assert node.op == op.name
        operands = [
            call.inputs[x] if isinstance(x, str) else x and np.asarray(x.value)
            for x in node.operands
        ]
        assert kink.met(*operands, **node.static) is met


def test_a_value_that_every_textbook_has_is_right() -> None:
    """The square root's slope at 0 and the slope of x ** 2 beside a kink, from outside."""
    said = {(one.op.name, one.name): Given(one.value, one.gradients) for one in CALLS}
    assert answer(said["sqrt", "x = 0"]) == "value 0, d x inf"
    assert answer(said["norm", "x = 0"]).startswith("value 0, d x")
    assert answer(said["sqrt", "x = -1 - 0i"]) == "value 0-1j, d x 0-0.5j"  # i / 2, conjugated
    assert numbers(np.array([1 / 3, -0.0, np.nan])) == "[0.333333, 0, nan]"
    assert numbers(np.array(complex(-0.0, -2))) == "0-2j"


def test_who_gives_the_same_answer_stands_together() -> None:
    answers = {"torch:eager": "a", "torch:compile": "a", "jax:eager": "a", "jax:jit": "b"}
    assert alike(answers) == {"a": ("torch", "jax:eager"), "b": ("jax:jit",)}


def test_a_table_is_read_as_it_was_written(tmp_path) -> None:
    file = tmp_path / "conventions.json"
    found = merged(stored(), Conventions({"torch": "9"}, {"gone": {"x": {"torch:eager": "1"}}}))
    assert "gone" not in found.rows
    assert found.versions["torch"] == "9"
    file.write_text(text(found), "utf-8")
    assert read(file) == found
    file.write_text("{}", "utf-8")
    with pytest.raises(RecordingError, match="holds no conventions"):
        read(file)
    assert read(tmp_path / "none.json") == Conventions()


def test_the_command_says_who_does_what(capsys) -> None:
    assert main(["conventions", "maximum", "exp"]) == 0
    said = capsys.readouterr().out
    assert "exp has no point where frameworks are known to differ" in said
    assert "maximum at x = y: maximum(x, y) with x = [1.0], y = [1.0]" in said
    assert "value 1, d x 0.5, d y 0.5  numpy" in said
    assert main(["conventions", "-b", "numpy"]) == 2
    assert "--backend and --into are for --measure" in capsys.readouterr().err


class Absent:
    """A pool none of whose backends is installed."""

    def describe(self, environments):
        for one in environments:
            yield one, Failure(one.name, "absent", f"{one.name} is not installed")

    def run(self, requests):
        assert not requests
        return []


def test_a_backend_that_cannot_be_asked_is_no_agreement(monkeypatch, capsys) -> None:
    found = measure(Absent(), [BackendSpec("jax")], [OPS["relu"]])
    assert found == Conventions(silent={"jax": "jax is not installed"})
    monkeypatch.setattr("gradcmp.measured.conventions.measure", lambda *_: found)
    given = ["conventions", "--measure", "relu"]
    assert main([*given, "-b", "jax"]) == ExitCode.COULD_NOT_COMPARE
    assert "jax was not asked: jax is not installed" in capsys.readouterr().err
    assert main(given) == ExitCode.AGREE  # all that are installed


@pytest.mark.processes
def test_the_command_measures_and_fails_for_what_changed(tmp_path, capsys) -> None:
    file = tmp_path / "conventions.json"
    given = ["conventions", "--measure", "-b", "numpy", "--into", str(file)]
    assert main([*given, "relu"]) == 0
    written = file.read_text("utf-8")
    file.write_text(written.replace("value 0, d x 0", "value 0, d x 0.25"), "utf-8")
    assert main([*given, "relu"]) == 1
    assert "changed: relu at x = 0, numpy:manual: value 0, d x 0, and was value 0, d x 0.25" in (
        capsys.readouterr().out
    )
