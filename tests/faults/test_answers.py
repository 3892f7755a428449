"""A worker's answer is untrusted input: nonsense is its verdict, and the others stand."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import liar
import pytest

import gradcmp
from gradcmp.case import BackendSpec, Case, Expression, Fixed, InputSpec
from gradcmp.recording import Failure, Recording
from gradcmp.report.json import report

pytestmark = pytest.mark.processes

SLOW = {"drips", "drips-while-loading", "stops", "deaf"}  # these end by their time alone

# By fault: the kind of the verdict and what its sentence must say.
SAID = {
    "no-json": ("error", "answered nonsense: '{]' (Expecting property name"),
    "no-object": ("error", "answered nonsense"),
    "no-utf8": ("error", "can't decode byte 0xff"),
    "no-word": ("error", "answered nonsense: the word null"),
    "unknown-word": ("error", 'answered nonsense: the word "sorry"'),
    "word-of-a-list": ("error", 'answered nonsense: the word ["ready"]'),
    "surrogate": ("error", "answered nonsense"),
    "nested": ("error", "nested too deeply"),
    "unknown-kind": ("error", 'a failure of the kind "fate"'),
    "no-message": ("error", "no 'message' of type str"),
    "empty-frame": ("error", "answered nonsense"),
    "too-early": ("error", "out of turn"),
    "no-devices": ("error", "no 'devices' of type list"),
    "devices-of-numbers": ("error", "an invalid 'devices'"),
    "environment-of-numbers": ("error", "an invalid 'environment' for 'cores'"),
    "seconds-nan": ("error", "NaN"),
    "seconds-infinite": ("error", ""),
    "word-of-a-gigabyte": ("error", "a frame of 1073741824 bytes, and at most 1048576 can be"),
    "frame-beyond-memory": ("error", "a frame of 18446744073709551615 bytes"),
    "recording-at-once": ("error", "before it was asked"),
    "drips-while-loading": ("timeout", "did not come up within 1 s"),
    "answers-no-json": ("error", "answered nonsense: '{]'"),
    "answers-ready": ("error", "out of turn"),
    "answers-importing": ("error", "out of turn"),
    "answers-nothing": ("error", "answered nonsense"),
    "answers-noise": ("error", "answered nonsense"),
    "answer-beyond-memory": ("error", "a frame of 1125899906842624 bytes"),
    "answer-beyond-what-was-asked": ("error", "a frame of 1073741824 bytes"),
    "answers-another": ("error", "a recording of 'somebody else'"),
    "answers-no-dtype": ("error", "its dtype is 'float8'"),
    "cut-timings": ("error", "answered nonsense"),
    "infinite-timings": ("error", "answered nonsense"),
    "drips": ("timeout", "took longer than 1 s"),
    "real-time-signal": ("crashed", "was killed by signal 40"),
    "answers-beforehand": ("error", "answered nonsense: "),
    "half-a-frame": ("crashed", "exited with status 0"),
    "half-a-head": ("crashed", "exited with status 0"),
    "hangs-up": ("crashed", "hung up and went on running"),
    "comes-and-goes": ("crashed", "exited with status 0"),
    "shouts": ("error", "printed more than 67108864 bytes"),
    "stops": ("timeout", "took longer than 1 s"),
    "deaf": ("timeout", "took longer than 1 s"),
}


def case_of(*backends: BackendSpec, inputs: int = 3) -> Case:
    return Case(
        "faults",
        {"X": InputSpec("normal", (inputs,))},
        {"node1": Expression("tanh(X) * X")},
        "node1",
        ("X",),
        (BackendSpec("numpy"), BackendSpec("numpy", dtype="float32"), *backends),
        Fixed(1e-4, 1e-6),
    )


def test_every_fault_has_its_sentence():
    assert SAID.keys() == liar.FAULTS.keys()


@pytest.mark.parametrize("fault", SAID)
def test_nonsense_is_that_backends_verdict(fault, fake, pool, running):
    patience = {"timeout": 1.0, "loading": 1.0} if fault in SLOW else {"timeout": 30.0}
    bad = BackendSpec("numpy", dtype="float32", python=fake(fault), **patience)
    began = time.monotonic()
    verdict = gradcmp.run(case_of(bad), pool)
    assert time.monotonic() - began < 12
    kind, words = SAID[fault]
    failure = verdict.outcomes[str(bad)]
    assert isinstance(failure, Failure)
    assert (failure.kind, words in failure.message) == (kind, True), failure.message
    assert failure.message.startswith("backend 'numpy,")
    assert f"python={fake(fault)}' " in failure.message
    assert [name for name, o in verdict.outcomes.items() if isinstance(o, Recording)] == [
        "numpy",
        "numpy,dtype=float32",
    ]
    assert (verdict.exit_code, verdict.disagreements) == (3, ())
    assert len(failure.stderr) < 10_000
    json.loads(report([verdict]))
    assert not running(fake(fault))


def test_what_is_printed_is_kept_from_both_ends(fake, pool):
    bad = BackendSpec("numpy", dtype="float32", python=fake("shouts"))
    failure = gradcmp.run(case_of(bad), pool).outcomes[str(bad)]
    assert failure.stderr.startswith("the first words\nwater")
    assert "bytes left out]" in failure.stderr
    assert "water water" in failure.stderr[-20:]  # it was ended amid a word


def test_a_second_answer_is_not_the_next_ones(fake, pool):
    """The number of a request keeps them apart: one answer stands, the other is nonsense."""
    bad = BackendSpec("numpy", dtype="float32", python=fake("twice"))
    first = gradcmp.run(case_of(bad), pool).outcomes[str(bad)]
    assert isinstance(first, Recording)
    second = gradcmp.run(case_of(bad, inputs=4), pool).outcomes[str(bad)]
    assert isinstance(second, Failure)
    assert "answered nonsense: " in second.message


@pytest.mark.parametrize(
    "change",
    ["shape", "scalar", "integers", "booleans", "float64", "bfloat16", "empty", "many-axes", "nan"],
)
def test_arrays_that_are_not_what_was_asked_for_disagree(change, fake, pool):
    bad = BackendSpec("numpy", dtype="float32", python=fake(f"gradient-of-{change}"))
    verdict = gradcmp.run(case_of(bad), pool)
    assert {pair.actual for pair, *_ in verdict.disagreements} == {str(bad)}
    assert {name for _, name, _ in verdict.disagreements} == {"d X"}
    assert verdict.exit_code == 1
    json.loads(report([verdict]))


def test_a_whole_run_with_every_fault_at_once(tmp_path, fake, running):
    """What a person would see: the reports are there, and no process is left."""
    faults = [fault for fault in SAID if fault not in SLOW]
    lines = [
        "inputs: {X: {kind: normal, shape: [3]}}",
        "graph: {node1: tanh(X) * X}",
        "backends:",
        "  - numpy",
        "  - {name: numpy, dtype: float32}",
        *(f"  - {{name: numpy, dtype: float32, python: {fake(fault)}}}" for fault in faults),
    ]
    Path(tmp_path, "faults.yaml").write_text("\n".join(lines))
    reports = {"json": "out.json", "junit": "out.xml", "markdown": "out.md", "sarif": "out.sarif"}
    chosen = [word for name, file in reports.items() for word in ("--report", f"{name}={file}")]
    done = subprocess.run(
        [sys.executable, "-m", "gradcmp", "check", "faults.yaml", *chosen],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines() == [f"wrote {file}" for file in reports.values()]
    assert {file.name for file in tmp_path.iterdir()} == {"faults.yaml", *reports.values()}
    (case,) = json.loads(Path(tmp_path, "out.json").read_text())["cases"]
    assert (len(case["backends"]), len(case["failures"])) == (2, len(faults))
    assert not running(str(Path(fake("x")).parent))
