"""gradcmp check: quiet, complete, strict on request, and never silent about what it left out."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from gradcmp.cli import main

CASE = """
inputs: {{X: normal:4x3}}
graph: {{y: sum(exp(X))}}
backends: [numpy, {backend}]
tolerance: {tolerance}
"""
SINGLE = '"numpy,dtype=float32"'  # as good as a framework to disagree with, and quick to start
ABSENT = "{name: jax, python: /no/such/python, required: false}"
AGREES = CASE.format(backend=SINGLE, tolerance="{rtol: 1e-4, atol: 1e-4}")
DISAGREES = CASE.format(backend=SINGLE, tolerance="{rtol: 1e-14, atol: 0}")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs" / "deep").mkdir(parents=True)
    return tmp_path / "configs"


@pytest.fixture
def check(capsys):
    def run(*arguments):
        code = main(["check", *arguments])
        printed = capsys.readouterr()
        assert "internal error" not in printed.err
        return code, printed.out.splitlines(), printed.err

    return run


@pytest.mark.processes
def test_what_agrees_is_a_count(here, check):
    (here / "a.yaml").write_text(AGREES)
    (here / "deep" / "b.yml").write_text(AGREES)
    assert check() == (0, ["✓ 2 cases: 2 agree, 0 disagree, 0 could not compare"], "")


NAN = """
inputs: {{X: {{kind: values, values: [1.0, {number}, 4.0]}}}}
graph: {{y: sum(sqrt(X))}}
backends: [numpy, "numpy,dtype=float32"]
"""


@pytest.mark.processes
def test_a_line_for_each_case_that_passes_with_a_warning(here, check):
    """The root of a negative number is NaN on both sides, and so is its gradient alone."""
    (here / "a.yaml").write_text(NAN.format(number=-1.0))
    (here / "b.yaml").write_text(NAN.format(number=1.0))
    code, lines, _ = check()
    assert code == 0
    assert len(lines) == 2
    assert lines[0].startswith("! configs/a.yaml:2: a: agree: 2 backends, 1 pair, ")
    assert "warnings: non-finite in y (NaN or infinity at every element" in lines[0]
    in_the_gradient = "non-finite in d X (NaN or infinity in 1 of 3 elements of both, from node 'y'"
    assert in_the_gradient in lines[0]
    code, lines, _ = check("--strict")
    assert (code, len(lines)) == (1, 2)
    assert lines[0].startswith("✗ configs/a.yaml:2: a: disagree: under strict; ")
    assert in_the_gradient in lines[0]
    code, lines, _ = check()
    last = "2 cases: 1 agree, 1 agree with warnings, 0 disagree, 0 could not compare"
    assert lines[1] == f"✓ {last}"
    (here / "a.yaml").unlink()
    assert check()[1] == ["✓ 1 case: 1 agree, 0 disagree, 0 could not compare"]


@pytest.mark.processes
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_line_for_each_case_that_does_not_agree_in_order(here, check, jobs):
    for name, text in {"a": DISAGREES, "b": AGREES, "deep/c": DISAGREES}.items():
        (here / f"{name}.yaml").write_text(text)
    code, lines, _ = check("--jobs", jobs)
    assert code == 1
    assert lines[0].startswith("✗ configs/a.yaml:2: a: disagree: numpy,dtype=float32's ")
    assert "; 2 of 3 tensors; worst " in lines[0]
    assert lines[1].startswith("✗ configs/deep/c.yaml:2: c: disagree:")
    assert lines[2:] == ["✗ 3 cases: 1 agree, 2 disagree, 0 could not compare"]


@pytest.mark.processes
def test_max_failures_stops_and_says_so(here, check):
    for name, text in {"a": DISAGREES, "b": AGREES, "c": DISAGREES, "d": AGREES}.items():
        (here / f"{name}.yaml").write_text(text)
    code, lines, _ = check("--max-failures", "1", "--json", "o.json")
    assert code == 1
    assert lines[-1].endswith("1 disagree, 0 could not compare; 3 further cases not run")
    assert len(json.loads((here.parent / "o.json").read_text())["cases"]) == 1
    _, lines, _ = check("--max-failures", "2", "--jobs", "2")
    assert lines[-1].endswith("2 disagree, 0 could not compare; 1 further case not run")


@pytest.mark.processes
def test_an_optional_backend_is_missed_when_it_is_required(here, check):
    (here / "a.yaml").write_text(CASE.format(backend=f"{SINGLE}, {ABSENT}", tolerance="table"))
    assert check()[:2] == (0, ["✓ 1 case: 1 agree, 0 disagree, 0 could not compare"])
    assert check("--require", "numpy,")[0] == 0
    code, lines, _ = check("--require", "numpy, jax")
    assert code == 3
    assert "could not compare: jax,python=/no/such/python absent" in lines[0]


@pytest.mark.usefixtures("with_torch")
def test_a_framework_that_agrees(here, check):
    (here / "a.yaml").write_text(CASE.format(backend="torch", tolerance="auto"))
    assert check("--require", "torch")[0] == 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("tensorflw", "there is no backend 'tensorflw'. Did you mean 'tensorflow'?"),
        ("tensorflow", "no case has the required backend 'tensorflow'"),
    ],
)
def test_a_requirement_that_would_go_unnoticed_is_refused(here, check, names, message):
    (here / "a.yaml").write_text(AGREES)
    code, _, error = check("--require", names)
    assert code == 2
    assert message in error


def test_a_required_backend_that_the_command_line_leaves_out_is_refused(here, check):
    """What counts is what would run, not what the config names."""
    (here / "a.yaml").write_text(CASE.format(backend=f"{SINGLE}, {ABSENT}", tolerance="table"))
    code, _, error = check("--require", "jax", "-b", "numpy", "-b", "numpy,dtype=float32")
    assert code == 2
    assert "no case has the required backend 'jax'" in error


def test_without_a_case_nothing_is_checked(here, check):
    assert check() == (2, [], "'configs' contains no *.yaml or *.yml\n")
    here.joinpath("deep").rmdir()
    here.rmdir()
    assert check() == (2, [], "'configs' does not exist\n")


# The gradient is zero: one of the wrong sign would pass, which is a warning.
KINK = """
inputs: {X: {kind: zeros, shape: [3]}}
graph: {y: sum(relu(X))}
backends: [numpy, "numpy,dtype=float32"]
"""


@pytest.mark.processes
@pytest.mark.parametrize("command", ["check", "run"])
def test_strict_lets_warnings_fail(here, capsys, command):
    (here / "a.yaml").write_text(KINK)
    main([command, "configs", "--json", "-"])
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    warned = any(
        one["reason"] in ("kink", "note", "precision") and one["verdict"] == "agree"
        for pair in case["pairs"]
        for one in pair["tensors"]
    ) or any(case["teeth"].values())
    assert (case["exit_code"], case["strict"], warned) == (0, False, True)
    assert main([command, "configs", "--strict"]) == 1


KNOWN = """
- case: a
  reason: exp is one digit worse there
  expires: 2999-12-31
"""


@pytest.fixture
def known(here):
    (here / "a.yaml").write_text(DISAGREES)
    (here / "b.yaml").write_text(AGREES)

    def write(text):
        (here.parent / "known.yaml").write_text(text.lstrip("\n"))
        return ("--expect", "known.yaml")

    return write


@pytest.mark.processes
@pytest.mark.parametrize(
    "more",
    [
        "",
        f"  backend: {SINGLE}\n",
        f"  pair: [{SINGLE}, numpy]\n",
        f"  pair: [numpy, {SINGLE}]\n",
    ],
)
def test_what_is_expected_does_not_fail(known, check, more):
    code, lines, _ = check(*known(KNOWN + more), "--report", "junit=o.xml")
    assert code == 0
    assert "agree: known disagreements in 2 of 3 tensors" in lines[0]
    assert "expected: exp is one digit worse there (until 2999-12-31)" in lines[0]
    assert lines[1] == "✓ 2 cases: 2 agree, 0 disagree, 0 could not compare"
    assert ElementTree.parse("o.xml").find(".//failure") is None


@pytest.mark.processes
def test_one_tensor_excuses_no_other(known, check):
    code, lines, _ = check(*known(f"{KNOWN}  tensor: y\n"))
    assert code == 1
    assert "disagree" in lines[0]


@pytest.mark.processes
def test_what_has_come_to_agree_fails(known, check):
    code, lines, _ = check(*known(KNOWN + KNOWN.replace("case: a", "case: b")))
    assert code == 1
    assert "b: disagree: known.yaml:5: 'exp is one digit worse there' has come to agree" in lines[1]


BAD = [
    ("case: a", "case: aa", "known.yaml:1: there is no case called 'aa'. Did you mean 'a'?"),
    ("reason", "resaon", "known.yaml:2: unknown key 'resaon'. Did you mean 'reason'?"),
    (
        "2999-12-31",
        "2020-02-29",
        "known.yaml:3: the entry for case 'a' expired on 2020-02-29",
    ),
    ("2999-12-31", "2999-02-30", "known.yaml:3: expires is '2999-02-30', and must be a date"),
    ("2999-12-31", "soon", "known.yaml:3: expires is 'soon', and must be a date"),
    ("2999-12-31", "2999", "known.yaml:3: expires is 2999, and must be a date"),
    ("  expires: 2999-12-31", "", "known.yaml:1: the entry has no 'expires'"),
    ("exp is one digit worse there", "''", "known.yaml:2: reason is '', and must be text"),
    ("2999-12-31", "2999-12-31\n  backend: nmpy", "known.yaml:4: there is no backend of case 'a'"),
    ("2999-12-31", "2999-12-31\n  tensor: d Q", "known.yaml:4: there is no tensor of case 'a'"),
    (
        "2999-12-31",
        "2999-12-31\n  pair: torch",
        "known.yaml:4: pair is 'torch', and must be a list",
    ),
    ("2999-12-31", "2999-12-31\n  pair: [numpy, numpy]", "known.yaml:4: pair is [numpy, numpy]"),
    (
        "2999-12-31",
        "2999-12-31\n  pair: [numpy, torch]\n  backend: torch",
        "known.yaml:4: the entry has both 'backend' and 'pair'",
    ),
    ("- case: a\n ", "case: a\nis: {", "known.yaml:"),
    ("- case: a\n  reason", "case: a\nreason", "known.yaml:"),
    ("- case", "- !!python/name:os.system case", "known.yaml:1: the YAML tag"),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD)
def test_a_bad_expectation_is_refused_before_anything_runs(
    known, check, monkeypatch, old, new, message
):
    monkeypatch.setattr("gradcmp.workers.Pool.start", None)  # would raise TypeError
    assert old in KNOWN
    code, lines, error = check(*known(KNOWN.replace(old, new)))
    assert (code, lines) == (2, [])
    assert error.startswith(message)


def test_expectations_that_are_not_there(known, check):
    code, _, error = check("--expect", "unknown.yaml")
    assert code == 2
    assert error == "unknown.yaml: cannot be read: No such file or directory\n"


@pytest.mark.processes
def test_hostile_names_stay_on_their_line(here, check):
    name = '"::error::x %0A <b>|`"'
    (here / "a.yaml").write_text(f"name: {name}{DISAGREES}")
    _, lines, _ = check()
    assert len(lines) == 2
    assert lines[0].startswith("✗ configs/a.yaml:1: ::error::x %0A <b>|`: disagree")
