"""Checks that nothing could fail: each is named wherever a warning is, and fails under --strict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradcmp.cli import main
from gradcmp.report.words.weak import UNNOTICED

pytestmark = pytest.mark.processes
CASE = """\
inputs: {{X: "{x}"}}
graph: {{y: "{y}"}}
backends: [numpy, "{backend}"]
tolerance: {tolerance}
"""
SOUND = {
    "x": "normal:4x3",
    "y": "sum(exp(X))",
    "backend": "numpy,dtype=float32",
    "tolerance": "auto",
}
ZERO, ITSELF = UNNOTICED["zero"], UNNOTICED["itself"]

# What is changed of a sound case, and what must be said of which tensor.
WEAK: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "wide": ({"tolerance": "{rtol: 0, atol: 1.0e+9}"}, {"d X": ZERO}),
    "wide beside small": ({"x": "normal:3:std=1e-7", "y": "sum(X*X)",
        "tolerance": "{rtol: 1.0e-5, atol: 1.0e-5}"}, {"d X": ZERO}),
    "many steps": ({"tolerance": "{ulp: 2000000000}"}, {"d X": ZERO}),
    "zero": ({"y": "sum(X*0)"}, {"d X": ZERO}),
    "ignored": ({"y": "sum(where(X < 100, 1.0, X))"}, {"d X": ZERO}),
    "cancels": ({"y": "sum(softmax(X))"}, {"d X": ZERO}),
    "underflow": ({"y": "sum(exp(X - 300))"}, {"d X": ZERO}),
    "itself": ({"backend": "numpy:manual"}, {"d X": ITSELF}),
    "itself, in its dtype": ({"backend": "numpy,dtype=float64,timeout=9"}, {"d X": ITSELF}),
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(where: Path, changes: dict[str, str]) -> None:
    (where / "a.yaml").write_text(CASE.format(**SOUND | changes))


@pytest.mark.parametrize("name", WEAK)
def test_a_check_that_could_not_fail_is_named(
    here: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    changes, weak = WEAK[name]
    write(here, changes)
    assert main(["check", "a.yaml", "--json", "o.json", "--report", "junit=o.xml"]) == 0
    line, last = capsys.readouterr().out.splitlines()
    assert line.startswith("! a.yaml:1: a: ")
    for tensor, told in weak.items():
        assert f"{tensor} is a weak check: {told}" in line
    checks = "1 weak check" if len(weak) == 1 else f"{len(weak)} weak checks"
    assert last == f"✓ 1 case: 1 agree, 0 disagree, 0 could not compare; {checks}"
    report = json.loads((here / "o.json").read_text())
    assert report["summary"]["weak_checks"] == len(weak)
    assert {*report["cases"][0]["weak"]} == {*weak}
    notes = ElementTree.parse(here / "o.xml").findtext(".//system-out")
    assert notes is not None
    assert all(f"{tensor} is a weak check: {told}" in notes for tensor, told in weak.items())


@pytest.mark.parametrize("name", WEAK)
def test_it_fails_under_strict(here: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    changes, weak = WEAK[name]
    write(here, changes)
    assert main(["check", "--strict", "a.yaml"]) == 1
    line, last = capsys.readouterr().out.splitlines()
    assert line.startswith("✗ a.yaml:1: a: disagree: under strict; 2 backends")
    assert all(f"{tensor} is a weak check" in line for tensor in weak)
    assert last.startswith("✗ 1 case: 0 agree, 1 disagree, 0 could not compare; ")


# Where no finite number is compared, and the tensors of which that is said.
EMPTY = {
    "nan": ({"y": "sum(sqrt(-abs(X) - 1))"}, "y, d X"),
    "nan in the value": ({"y": "sum(log(-abs(X) - 1))"}, "y"),
    "infinite": ({"y": "sum(1 / (X * 0))"}, "y, d X"),
}


@pytest.mark.parametrize("name", EMPTY)
def test_what_compares_no_number_warns(
    here: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    changes, tensors = EMPTY[name]
    write(here, changes)
    for arguments, code in (((), 0), (("--strict",), 1)):
        assert main(["check", "a.yaml", *arguments]) == code
        line, _ = capsys.readouterr().out.splitlines()
        assert f"non-finite in {tensors} (NaN or infinity at every element of both: " in line


@pytest.mark.parametrize("arguments", [(), ("--strict",)])
def test_a_sound_check_is_not_called_weak(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """Sabotage: what calls every check weak says nothing."""
    write(here, {})
    assert main(["check", "a.yaml", *arguments]) == 0
    assert capsys.readouterr().out == "✓ 1 case: 1 agree, 0 disagree, 0 could not compare\n"


# By report, what of it must name the weak check; `run` and `diff` of the table are the screen.
REPORTS: dict[str, Callable[[str], bool]] = {
    "markdown": lambda text: "agree by weak checks: 1 case" in text,
    "sarif": lambda text: '"ruleId": "GC204"' in text,
    "html": lambda text: "is a weak check" in text,
    "table": lambda text: "weak check        d X" in text,
}


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_names_it(here: Path, name: str) -> None:
    for changes, expected in (({"y": "sum(X*0)"}, True), ({}, False)):
        write(here, changes)
        main(["check", "a.yaml", "--report", f"{name}=o"])
        text = (here / "o").read_text("utf-8")
        assert ("a gradient of zero would go unnoticed" in text) == expected
        assert REPORTS[name](text) == expected


def test_github_shows_it_on_the_line_of_the_case(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, {"y": "sum(X*0)"})
    main(["check", "a.yaml", "--report", "github"])
    (warning,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("::warn")]
    assert "file=a.yaml,line=1" in warning
    assert warning.endswith(
        "1 weak check. d X is a weak check: a gradient of zero would go unnoticed"
    )


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_run_and_jobs_say_it_too(here: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    write(here, {"backend": "numpy:manual"})
    main(["check", "a.yaml", "--jobs", jobs])
    assert ITSELF in capsys.readouterr().out
    main(["run", "a.yaml"])
    assert " ".join(f"weak check d X: {ITSELF}".split()) in " ".join(
        capsys.readouterr().out.split()
    )


def test_another_interpreter_or_a_third_side_is_not_the_reference_itself(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, {"backend": 'numpy:manual", "numpy,dtype=float32'})
    assert main(["check", "--strict", "a.yaml"]) == 0


# ---- tolerances beyond any sense

SENSELESS = {
    "{rtol: 1.0e+9, atol: 0}": "tolerance.rtol is 1000000000.0, and must be less than 1. From 1 on",
    "{rtol: 1, atol: 0}": "tolerance.rtol is 1, and must be less than 1. From 1 on",
    "{ulp: 1000000000000000000000000000000}": "and must be less than 4.5036e+15. So many steps of",
    f"{{ulp: {2**52}}}": f"tolerance.ulp is {2**52}, and must be less than",
}
SENSIBLE = ["{rtol: 0.999, atol: 0}", f"{{ulp: {2**52 - 1}}}"]


@pytest.mark.parametrize("tolerance", SENSELESS)
@pytest.mark.parametrize("command", ["check", "run", "validate"])
def test_a_tolerance_beyond_sense_is_an_error_of_the_config(
    here: Path, capsys: pytest.CaptureFixture[str], command: str, tolerance: str
) -> None:
    write(here, {"tolerance": tolerance})
    assert main([command, "a.yaml"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("a.yaml:4: tolerance.")
    assert SENSELESS[tolerance] in printed.err


@pytest.mark.parametrize("tolerance", SENSIBLE)
def test_below_the_limit_it_is_a_weak_check(
    here: Path, capsys: pytest.CaptureFixture[str], tolerance: str
) -> None:
    write(here, {"tolerance": tolerance})
    assert main(["check", "a.yaml"]) == 0
    assert "d X is a weak check: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "a.yaml", "--rtol", "1", "--atol", "0"),
        ("expr", "sum(X)", "-i", "X=normal:3", "--rtol", "1e9", "--atol", "0"),
        ("diff", "a.npy", "b.npy", "--rtol", "1", "--atol", "0"),
        ("diff", "a.npy", "b.npy", "--ulp", "9" * 400),
        ("rejudge", "a.safetensors", "--ulp", str(2**52)),
        ("selftest", "a.yaml", "--rtol", "2", "--atol", "0"),
    ],
)
def test_the_command_line_has_the_same_limit(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    write(here, {})
    assert main(arguments) == 2
    assert "must be less than" in capsys.readouterr().err
