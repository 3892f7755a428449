"""Watching: a change gives another screen, what did not change is not asked again."""

from __future__ import annotations

import numpy as np
import pytest
from watching import BACKENDS, CASE

from gradcmp import api, config
from gradcmp.case import ONCE, Effort
from gradcmp.cli import main
from gradcmp.cli.cases import load
from gradcmp.cli.output import Output
from gradcmp.cli.running.session import Session, unchanged
from gradcmp.cli.running.watch import Watch, question

TWO = """\
defaults:
  backends: [numpy, 'numpy,dtype=float32']
cases:
  - {name: first, inputs: {X: normal:4x3}, graph: {out: sum(exp(X))}}
  - {name: second, inputs: {X: normal:4x3}, graph: {out: sum(tanh(X))}, seed: 1}
"""


@pytest.fixture(scope="module")
def pool():
    with Session() as session:
        yield session


@pytest.fixture
def session(file, pool):
    return watched(file, pool)


def watched(file, pool, effort=ONCE, finisher=lambda plans: unchanged):
    return Watch([str(file)], lambda: load([str(file)]), Output(True), effort, finisher, pool)


@pytest.fixture
def asked(monkeypatch):
    """Names of the cases that backends were asked for."""
    names, run = [], api.run_plan

    def spy(plan, *rest):
        names.append(plan.case.name)
        return run(plan, *rest)

    monkeypatch.setattr(api, "run_plan", spy)
    return names


def body(capsys):
    """The screen below the line with the time."""
    out, err = capsys.readouterr()
    assert not err
    return out.partition("\n\n")[2]


def cold(file, capsys):
    main(["run", "--verbose", str(file)])
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "seed: 5\n",
        lambda text: text.replace("exp", "cos"),
        lambda text: text.replace("4x3", "2x2"),
        lambda text: text.replace("float32", "bfloat16"),
        lambda text: text + "tolerance: {rtol: 1.0e-9, atol: 0}\n",
        lambda text: text + "tolerance: {ulp: 0}\n",
        lambda text: text + "description: now with words\n",
    ],
)
def test_after_a_change_the_screen_is_that_of_a_fresh_run(session, file, change, capsys):
    session.look_again()
    first = body(capsys)
    file.write_text(change(CASE))
    session.look_again()
    changed = body(capsys)
    assert changed == cold(file, capsys)
    assert changed != first
    file.write_text(CASE)
    session.look_again()
    assert body(capsys) == first == cold(file, capsys)


@pytest.mark.parametrize(
    ("old", "new", "words", "again"),
    [
        ("", "", "2 unchanged", []),
        ("defaults:", "# another line\ndefaults:", "2 unchanged", []),
        ("name: first", "strict: true, name: first", "2 unchanged", []),
        ("seed: 1", "seed: 2", "1 unchanged, 1 run", ["second"]),
        ("exp", "expm1", "1 run, 1 unchanged", ["first"]),
        ("name: first", "name: other", "1 run, 1 unchanged", ["other"]),
        ("cases:", "  tolerance: table\ncases:", "2 judged again", []),
        ("seed: 1", "seed: 1, tolerance: {ulp: 1}", "1 unchanged, 1 judged again", []),
        ("defaults:", "defaults:\n  seed: 1", "1 run, 1 unchanged", ["first"]),
    ],
)
def test_only_what_changed_is_asked_again(file, pool, asked, capsys, old, new, words, again):
    file.write_text(TWO)
    session = watched(file, pool)
    session.look_again()
    assert asked == ["first", "second"]
    assert "2 run, in " in capsys.readouterr().out
    asked.clear()
    file.write_text(TWO.replace(old, new))
    session.look_again()
    assert asked == again
    assert f"{words}, in " in capsys.readouterr().out


def test_auto_needs_runs_that_a_fixed_tolerance_did_not(session, file, asked):
    file.write_text(CASE + "tolerance: table\n")
    session.look_again()
    file.write_text(CASE)
    session.look_again()
    assert asked == ["case", "case"]


def test_isolated_nodes_are_judged_by_running_them(file, pool, asked):
    session = watched(file, pool, Effort(isolate=True))
    for text in (CASE, CASE + "tolerance: {ulp: 1}\n", CASE + "tolerance: {ulp: 1}\n# said\n"):
        file.write_text(text)
        session.look_again()
    assert asked == ["case", "case"]


def test_zero_and_minus_zero_are_different_questions():
    texts = [f"inputs: {{x: {{kind: constant, shape: 2, value: {z}}}}}" for z in ("0.0", "-0.0")]
    (plus,), (minus,) = (
        config.load_text(f"{text}\ngraph: {{y: 1 / x}}\n{BACKENDS}", "zero.yaml") for text in texts
    )
    assert plus == minus
    assert question(plus) != question(minus)


def test_another_data_file_is_another_question(file, pool, asked, capsys):
    data = file.with_name("x.npy")
    np.save(data, np.arange(3.0))
    file.write_text(CASE.replace("normal:4x3", "file:x.npy"))
    session = watched(file, pool)
    session.look_again()
    first = body(capsys)
    session.look_again()
    assert asked == ["case"]
    np.save(data.with_name("new.npy"), np.arange(3.0) / 2)
    data.with_name("new.npy").replace(data)  # as editors do
    capsys.readouterr()
    session.wait()
    session.look_again()
    assert asked == ["case", "case"]
    changed = body(capsys)
    assert changed == cold(file, capsys)
    assert changed != first


def test_what_turns_a_verdict_into_the_one_that_counts_sees_kept_ones_too(file, pool):
    seen = []

    def finisher(plans):
        return lambda verdict: seen.append(verdict.case.name) or verdict

    session = watched(file, pool, finisher=finisher)
    session.look_again()
    session.look_again()
    assert seen == ["case", "case"]


def test_a_change_while_backends_compute_is_not_missed(session, file, monkeypatch, capsys):
    run = api.run_plan

    def slow(*arguments):
        file.write_text(CASE + "seed: 7\n")
        return run(*arguments)

    with monkeypatch.context() as during:
        during.setattr(api, "run_plan", slow)
        session.look_again()
    assert not capsys.readouterr().out  # the verdict was out of date before it was known
    session.wait()
    session.look_again()
    assert "seed 7" in capsys.readouterr().out


@pytest.mark.processes
def test_a_mistake_on_the_command_line_ends_it(file, tmp_path, capsys):
    for arguments, words in (
        ([], "has no file to watch"),
        ([str(tmp_path / "nowhere.yaml")], "does not exist"),
        ([str(file), "--rtol", "1"], "rtol must be less than 1"),
        ([str(file), "-b", "torhc"], "Did you mean 'torch'?"),
        ([str(file), "--json", "-"], "contradict each other"),
    ):
        assert main(["run", "--watch", *arguments]) == 2
        assert words in capsys.readouterr().err


def test_a_mistake_in_the_first_look_is_waited_on_even_if_the_file_goes(session, file, capsys):
    file.write_text("sede: 1")
    session.look_again()
    assert "case.yaml:1: unknown key 'sede'" in capsys.readouterr().out
    session.look_again()
    assert not capsys.readouterr().out  # the same mistake, and nothing has changed
    file.unlink()
    session.look_again()
    assert "does not exist" in capsys.readouterr().out
    file.write_text(CASE)
    session.wait()
    session.look_again()
    assert "1 run, in " in capsys.readouterr().out
