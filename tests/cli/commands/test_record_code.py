"""Functions of the user on the record: recorded, held together, against golden ones, repeated."""

from __future__ import annotations

import shutil

import pytest
from saved import spoil, words

from gradcmp.cli import main
from gradcmp.recording.files import read

pytestmark = pytest.mark.processes

SQUARES = """\
import numpy as np

COUNT = [0]


def right(x, w):
    return (w * x * x).sum(), {"x": 2 * w * x, "w": (x * x).sum(0)}


def other(x, w):
    y = w * x
    return (y * x).sum(), {"x": y + y, "w": FACTOR * (x * x).sum(0)}


def unsteady(x, w):
    COUNT[0] += 1
    return right(x, w)[0], {"x": 2 * w * x, "w": (x * x).sum(0) * x.dtype.type(COUNT[0])}
"""
CONFIG = """\
name: squares
inputs: {x: normal:4x3, w: ones:3}
code:
  right: {numpy: squares.py:right}
  other: {numpy: squares.py:other}
"""
SPOILT = {
    "in both dtypes": "x.dtype.type(-1)",
    "a little": "x.dtype.type(1.001)",
    "in float32 alone": "x.dtype.type(1.0001 if x.dtype == np.float32 else 1)",
    "in float64 alone": "x.dtype.type(1.0001 if x.dtype == np.float64 else 1)",
}


def write(folder, factor="x.dtype.type(1)", config=CONFIG):
    (folder / "squares.py").write_text(SQUARES.replace("FACTOR", factor))
    (folder / "case.yaml").write_text(config)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with golden recordings, and with one of each function."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write(folder)
        assert main(["run", "case.yaml", "--record-golden", "golden"]) == 0
        for name in ("right", "other"):
            assert main(["record", "case.yaml", "-b", name, "-o", f"{name}.safetensors"]) == 0
    return folder


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """Return a copy to spoil."""
    copy = shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(copy)
    return copy


def test_golden_recordings_of_functions_lie_by_label(made):
    found = {path.relative_to(made).as_posix() for path in (made / "golden").rglob("*.safetensors")}
    assert found == {"golden/squares/right.safetensors", "golden/squares/other.safetensors"}


def test_a_recording_says_which_function_it_is_of(made):
    recording = read(made / "other.safetensors")
    assert recording.environment["function"] == "squares.py:other"
    assert len(recording.environment["its file"]) == 12
    assert {*recording.origin.case.code} == {"right", "other"}
    assert recording.account.wrt == ("x", "w")
    assert recording.account.own
    assert {*recording.account.slopes} == {"x", "w"}
    assert recording.own_noise.keys() >= {"d x", "d w"}
    assert str(made) not in str(recording.origin)


def test_what_did_not_change_agrees_with_its_golden_recording(place, capsys):
    assert main(["run", "case.yaml", "--against-golden", "golden"]) == 0
    assert "right (golden)" in words(capsys)


@pytest.mark.parametrize("how", SPOILT)
def test_a_gradient_that_became_wrong_is_found(how, place, capsys):
    write(place, SPOILT[how])
    assert main(["run", "case.yaml", "--against-golden", "golden"]) == (how != "in float64 alone")
    said = words(capsys)
    if how != "in float64 alone":
        assert "d w" in said
        assert "other's gradient of w is wrong" in said
    assert main(["record", "case.yaml", "-b", "other", "-o", "new.safetensors"]) == 0
    assert main(["diff", "new.safetensors", "right.safetensors"]) == (how != "in float64 alone")


def test_a_golden_recording_that_was_spoilt_is_found(place):
    """Sabotage of the file, its digest written anew, rather than of the function."""
    spoil(place / "golden" / "squares" / "other.safetensors", "w")
    assert main(["run", "case.yaml", "--against-golden", "golden"]) == 1


def test_a_golden_recording_is_missing_broken_or_of_other_inputs(place, capsys):
    file = place / "golden" / "squares" / "other.safetensors"
    against = ["run", "case.yaml", "--against-golden", "golden"]
    assert main([*against, "--seed", "3"]) == 2
    assert "was recorded with other numbers in" in words(capsys)
    file.write_bytes(file.read_bytes()[:-8])
    assert main(against) == 2
    file.unlink()
    assert main(against) == 2
    assert "no golden recording of 'other'" in words(capsys)


def test_recordings_are_held_together(place, capsys):
    assert main(["diff", "other.safetensors", "right.safetensors"]) == 0
    assert "× noise" in words(capsys)
    assert main(["rejudge", "golden"]) == 0
    assert "right,dtype=float64" in words(capsys)
    assert main(["rejudge", "golden", "--ulp", "0"]) in (0, 1)
    spoil(place / "other.safetensors", "w")
    assert main(["diff", "other.safetensors", "right.safetensors"]) == 1
    assert "other's gradient of w is wrong" in words(capsys)
    assert main(["rejudge", "other.safetensors", "right.safetensors"]) == 1


def test_recordings_of_other_inputs_are_not_held_together(place, capsys):
    assert main(["record", "case.yaml", "-b", "other", "--seed", "1", "-o", "1.safetensors"]) == 0
    assert main(["diff", "1.safetensors", "right.safetensors"]) == 2
    assert "computed from different inputs: x" in words(capsys)


def test_without_a_float64_run_that_is_said(place, capsys):
    for name in ("right", "other"):
        asked = ["record", "case.yaml", "-b", name, "--no-twin", "-o", f"{name}.safetensors"]
        assert main(asked) == 0
    assert main(["diff", "other.safetensors", "right.safetensors"]) == 0
    said = words(capsys)
    assert "no recording has a float64 run" in said
    assert "do not tell: it has no float64 run" in said


def test_arrays_alone_are_held_against_a_function_by_the_table(place, capsys):
    assert main(["record", "case.yaml", "-b", "other", "-o", "alone.npz"]) == 0
    assert main(["diff", "alone.npz", "right.safetensors"]) == 0
    assert "arrays beside a recording of a function" in words(capsys)
    spoil(place / "right.safetensors", "w")
    assert main(["diff", "alone.npz", "right.safetensors"]) == 1
    assert main(["diff", "right.safetensors", "alone.npz"]) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("numpy", "2 functions called or written for 'numpy'"),
        ("othre", "Did you mean 'other'"),
        ("torch", "no function called or written for 'torch'"),
    ],
)
def test_who_is_to_be_recorded_must_be_one_function(name, said, place, capsys):
    assert main(["record", "case.yaml", "-b", name, "-o", "x.safetensors"]) == 2
    assert said in words(capsys)


def test_a_function_that_fails_is_not_recorded(place, capsys):
    (place / "squares.py").write_text("def right(x, w):\n    return None\n\n\nother = right\n")
    assert main(["record", "case.yaml", "-b", "other", "-o", "x.safetensors"]) == 3
    assert "returned" in words(capsys)
    assert not (place / "x.safetensors").exists()
    assert main(["run", "case.yaml", "--record-golden", "new"]) == 3
    assert not [*(place / "new").rglob("*.safetensors")]


def test_an_unsteady_function_is_found_by_repeating_it(place, capsys):
    assert main(["run", "case.yaml", "--repeat", "3"]) == 0
    assert "3 runs" in words(capsys)
    write(place, config=CONFIG.replace("squares.py:other", "squares.py:unsteady"))
    assert main(["run", "case.yaml", "--repeat", "3"]) == 1
    said = words(capsys)
    assert "not the same" in said or "differ" in said
