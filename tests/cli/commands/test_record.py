"""What record writes, and what it refuses."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from saved import words

from gradcmp.cli import main
from gradcmp.recording.files import read


@pytest.mark.thorough
def test_a_recording_says_what_it_depends_on(made):
    recording = read(made / "torch" / "two layers.safetensors")
    case = recording.origin.case
    assert (recording.backend, recording.dtype) == ("torch", "float32")
    assert {"torch", "threads", "deterministic", "tf32"} <= recording.environment.keys()
    assert {"gradcmp", "machine", "day"} == recording.origin.recorder.keys()
    assert (case.name, case.seed, case.output, case.wrt) == ("two layers", 0, "loss", ("X", "W"))
    assert recording.origin.graph == {"H": "tanh(X @ W)", "loss": "mean(H * H)"}
    assert all(len(digest) == 64 for digest in recording.origin.hashes.values())


def test_a_twin_is_recorded_unless_told(made, tmp_path):
    """It tells digits that were lost from a bug; golden recordings have the one of the run."""
    assert read(made / "torch" / "two layers.safetensors").twin.dtype == "float64"
    assert read(made / "golden" / "two layers" / "torch.safetensors").twin is not None
    assert read(made / "golden" / "two layers" / "numpy.safetensors").twin is None
    arguments = ["record", str(made / "cases.yaml"), "-b", "numpy,dtype=float32", "--no-twin"]
    assert main([*arguments, "-o", str(tmp_path)]) == 0
    assert read(tmp_path / "two layers.safetensors").twin is None


def test_two_cases_of_one_name_are_refused(made, tmp_path, capsys):
    config = str(made / "cases.yaml")
    copy = shutil.copy(config, tmp_path / "copy.yaml")
    assert main(["run", config, str(copy), "--record-golden", str(tmp_path / "golden")]) == 2
    assert "2 cases are called 'two layers'" in words(capsys)
    assert not (tmp_path / "golden").exists()


def test_where_a_recording_cannot_go_is_2_and_leaves_nothing(made, tmp_path, capsys):
    config = str(made / "cases.yaml")
    one = ["record", config, "-b", "numpy", "--case", "two layers", "-o"]
    assert main(["record", config, "-b", "numpy", "-o", str(tmp_path / "a.safetensors")]) == 2
    assert "2 cases do not fit into the file" in words(capsys)
    (tmp_path / "file").touch()
    assert main([*one, str(tmp_path / "file" / "a.safetensors")]) == 2
    assert "cannot be written" in words(capsys)
    assert main([*one[:3], "nothing", *one[4:], str(tmp_path / "b.safetensors")]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_backend_that_cannot_record_is_3(made, tmp_path, capsys):
    device = "numpy,device=cuda:77"
    arguments = ["record", str(made / "cases.yaml"), "-b", device, "-o", str(tmp_path / "out")]
    assert main(arguments) == 3
    text = words(capsys)
    assert "has no device 'cuda:77' here" in text
    assert "(2 of 2 cases failed)" in text
    assert not (tmp_path / "out").exists()


def test_a_recording_is_of_one_backend(made, tmp_path, capsys):
    """The last would be kept, and the others lost without a word."""
    file = tmp_path / "one.safetensors"
    words_ = ["record", str(made / "cases.yaml"), "--case", "two layers", "-o", str(file)]
    assert main([*words_, "-b", "numpy", "-b", "torch"]) == 2
    assert "one backend, not of 2: numpy, torch" in words(capsys)
    assert not file.exists()


def test_an_npz_file_has_the_arrays_and_nothing_else(made, tmp_path, capsys):
    case = ["record", str(made / "cases.yaml"), "--case", "two layers"]
    file, whole = tmp_path / "one.npz", tmp_path / "one.safetensors"
    assert main([*case, "-b", "numpy,dtype=float32", "-o", str(file)]) == 0
    assert "without their case" in words(capsys)
    assert main([*case, "-b", "numpy,dtype=float32", "-o", str(whole)]) == 0
    assert "without their case" not in words(capsys)
    with np.load(file) as arrays:
        recording = read(whole)
        assert {*arrays} == {*recording.tensors}
        for name, array in recording.tensors.items():
            assert arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(arrays[name], array)
    assert main(["diff", str(file), str(whole)]) == 0
    coarse = tmp_path / "coarse.npz"
    assert main([*case, "-b", "numpy,dtype=bfloat16", "-o", str(coarse)]) == 0
    with np.load(coarse) as arrays:
        assert arrays["d X"].dtype == np.float32


@pytest.mark.parametrize("suffix", [".pt", ".npy", ".h5", ".csv"])
def test_what_cannot_be_written_is_no_directory(suffix, made, tmp_path, capsys):
    place = tmp_path / f"one{suffix}"
    assert main(["record", str(made / "cases.yaml"), "-b", "numpy", "-o", str(place)]) == 2
    assert f"cannot be written as '{suffix}'" in words(capsys)
    assert not place.exists()
