"""Any file against any other: libraries in processes of their own, whatever these do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from gradcmp.cli import main
from gradcmp.errors import AbsentError, RecordingError
from gradcmp.formats.kinds import SUFFIXES
from gradcmp.formats.reader import Reader
from gradcmp.formats.wire import arrays_from_bytes, arrays_to_bytes
from gradcmp.recording import BFLOAT16, pack

RNG = np.random.default_rng(34)
W = RNG.standard_normal((3, 4)).astype("f4")
Z = RNG.standard_normal(5) + 1j * RNG.standard_normal(5)
HERE = Path(__file__).resolve().parent


def words(capsys):
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def save_torch(file, arrays):
    import torch

    torch.save({name: torch.tensor(array) for name, array in arrays.items()}, file)


def save_hdf5(file, arrays):
    h5py = pytest.importorskip("h5py")
    with h5py.File(file, "w") as opened:
        for name, array in arrays.items():
            opened[name] = array


def save_npz(file, arrays):
    np.savez(file, **arrays)


SAVE = {".npz": save_npz, ".pt": save_torch, ".h5": save_hdf5}


def spoilt(z):
    return z + 1e-3j * (np.arange(5) == 2)


@pytest.mark.frameworks
@pytest.mark.parametrize("suffix", [".pt", ".h5"])
def test_one_spoiled_element_is_found_on_either_side(with_torch, suffix, tmp_path, capsys):
    """In the imaginary part of one complex number, too: the words say which part."""
    here, there = tmp_path / f"a{suffix}", tmp_path / "b.npz"
    SAVE[suffix](here, {"W": W, "Z": Z})
    save_npz(there, {"W": W, "Z": Z})
    assert main(["diff", str(here), str(there)]) == 0
    save_npz(there, {"W": np.where(W[1, 2] == W, W * 1.001, W), "Z": spoilt(Z)})
    capsys.readouterr()
    for pair in ([here, there], [there, here])[suffix == ".pt" :]:  # torch loads slowly
        assert main(["diff", *map(str, pair)]) == 1
        text = words(capsys)
        assert re.search(r"in the value of W [^✗]*? in 1 of 12 elements worst \[1,2\]", text)
        assert re.search(
            r"✗ [^✗]* in the value of Z [^✗]*? in 1 of 10 elements[^✗]*? worst \[2,1\]", text
        )
        assert "index 0 of the last axis is the real part, 1 the imaginary part" in text


def test_a_table_is_held_against_an_array(tmp_path, capsys):
    np.savetxt(tmp_path / "W.csv", W, delimiter=",")
    np.save(tmp_path / "W.npy", W)
    files = [str(tmp_path / name) for name in ("W.csv", "W.npy")]
    assert main(["diff", *files]) == 0
    np.save(tmp_path / "W.npy", -W)
    assert main(["diff", *files]) == 1
    assert "the sign is flipped" in words(capsys)
    np.savetxt(tmp_path / "Z.csv", Z, delimiter=",")
    np.save(tmp_path / "Z.npy", spoilt(Z))
    assert main(["diff", str(tmp_path / "Z.csv"), str(tmp_path / "Z.npy")]) == 1
    assert "[2,1]" in words(capsys)


KERAS = """
import keras, numpy, sys
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
model.layers[0].set_weights([numpy.load(sys.argv[1]), numpy.arange(4.0)])
model.save(sys.argv[2])
model.save_weights(sys.argv[3])
"""


@pytest.mark.thorough
@pytest.mark.processes
@pytest.mark.slow
def test_what_keras_wrote_is_read(with_torch, tmp_path):
    pytest.importorskip("h5py")
    np.save(tmp_path / "W.npy", W)
    files = [tmp_path / name for name in ("W.npy", "m.keras", "m.weights.h5")]
    command = [sys.executable, "-c", KERAS, *map(str, files)]
    done = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": "torch"}, capture_output=True, text=True
    )
    if "No module named 'keras'" in done.stderr:
        pytest.skip("keras is not installed")
    assert not done.returncode, done.stderr
    with Reader() as reader:
        for file in files[1:]:
            found = reader.read(file).values
            assert [*found] == ["layers/dense/vars/0", "layers/dense/vars/1"]
            np.testing.assert_array_equal(found["layers/dense/vars/0"], W, strict=True)
            np.testing.assert_array_equal(found["layers/dense/vars/1"], np.arange(4, dtype="f4"))


FOREIGN = "import sys; from gradcmp.cli import main; main(['diff', sys.argv[1], sys.argv[1]]); "
FOREIGN += "print({'torch', 'h5py'} & {*sys.modules})"


@pytest.mark.frameworks
@pytest.mark.parametrize("suffix", [".pt", ".h5"])
def test_the_process_that_judges_loads_no_library(with_torch, suffix, tmp_path):
    file = tmp_path / f"a{suffix}"
    SAVE[suffix](file, {"W": W})
    done = subprocess.run(
        [sys.executable, "-c", FOREIGN, str(file)], capture_output=True, text=True, check=True
    )
    assert ["W", "✓", "0"] in [line.split() for line in done.stdout.splitlines()]
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.frameworks
def test_a_format_is_told_by_its_bytes_whatever_the_file_is_called(with_torch, tmp_path):
    pytest.importorskip("h5py")
    with Reader() as reader:
        for suffix, save in SAVE.items():
            save(tmp_path / f"a{suffix}", {"W": W})
            for other in (".bin", ".pt", ".csv", ".npz"):
                file = tmp_path / f"b{other}"
                file.write_bytes((tmp_path / f"a{suffix}").read_bytes())
                np.testing.assert_array_equal(reader.read(file).values["W"], W, strict=True)


@pytest.mark.parametrize("suffix", [".pkl", ".mat", ".onnx", ".ckpt", ".bin", "", ".txt"])
def test_what_is_not_read_has_a_way_out(suffix, tmp_path):
    file = tmp_path / f"gradients{suffix}"
    file.write_bytes(b"\x80\x04 or anything")
    with Reader() as reader, pytest.raises(RecordingError) as caught:
        reader.read(file)
    text = str(caught.value)
    assert text.startswith(f"{file}: it is in none of the formats {', '.join(SUFFIXES)}. ")
    assert "numpy.savez" in text or "call it .pt" in text


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_is_refused(suffix, tmp_path):
    file = tmp_path / f"gradients{suffix}"
    file.touch()
    with Reader() as reader, pytest.raises(RecordingError, match="it is empty"):
        reader.read(file)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("deed", "error", "says"),
    [
        ("die", RecordingError, "the process that read it was killed by SIGKILL"),
        ("exit", RecordingError, "the process that read it exited with status 3"),
        ("hang", RecordingError, "reading it took longer than 5 s"),
        ("nonsense", RecordingError, "not a complete safetensors recording"),
        ("word", RecordingError, "answered nonsense"),
        ("flood", RecordingError, "a frame of 1152921504606846976 bytes"),
        ("absent", AbsentError, "is not installed. Try"),
    ],
)
def test_whatever_a_library_does_is_a_clean_error(deed, error, says, tmp_path, monkeypatch):
    """Run by a stand-in for the process that reads; the next file has a new one."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    (tmp_path / "a.h5").write_text(deed)
    with Reader(seconds=5, serve="bad_library") as reader:
        with pytest.raises(error, match=says):
            reader.read(tmp_path / "a.h5")
        (tmp_path / "a.h5").write_text("answer")
        assert reader.read(tmp_path / "a.h5").values["x"].tolist() == [1.0]


def test_what_travels_comes_as_it_was_sent():
    arrays = {
        "real": W,
        "__metadata__": np.arange(3),
        "complex": Z,
        "single": Z.astype("c8").reshape(5, 1).T,
        "big-endian": Z.astype(">c16"),
        "number": np.asarray(1j),
        "none": np.zeros((0, 2), "c8"),
        "brain": np.ones(2, BFLOAT16),
    }
    found = arrays_from_bytes(arrays_to_bytes(arrays))
    assert [*found] == [*arrays]
    for name, array in arrays.items():
        native = array.astype(array.dtype.newbyteorder("="))
        np.testing.assert_array_equal(found[name], native, strict=True)


@pytest.mark.parametrize("array", [W, np.arange(2), np.asarray(1.0), np.ones(2, "f2")])
def test_what_is_said_to_be_complex_must_have_parts(array):
    with pytest.raises(RecordingError, match="not made of real and imaginary parts"):
        arrays_from_bytes(pack({"array/x": array}, {"complex": ["x"]}))


@pytest.mark.frameworks
def test_directories_are_compared_whatever_their_formats(with_torch, tmp_path, capsys):
    """By place with any suffix; an unreadable file leaves the other cases alone."""
    left, right = tmp_path / "left", tmp_path / "right"
    for side in (left, right):
        (side / "sub").mkdir(parents=True)
    save_torch(left / "one.pt", {"W": W})
    save_npz(right / "one.npz", {"W": W})
    save_file({"W": W}, left / "sub" / "two.safetensors")
    save_torch(right / "sub" / "two.pth", {"W": -W})
    assert main(["diff", str(left), str(right)]) == 1
    text = words(capsys)
    assert "recorded inputs not known | not known" in text
    one = "✓ one 2 recordings agree in 1 tensor; all equal"
    for said in (one, "✗ sub/two: ", "2 cases: 1 agree, 1 disagree"):
        assert said in text
    assert main(["diff", str(left), str(right), "-v"]) == 1
    text = words(capsys)
    assert text.count("what differs beside the numbers") == 1
    assert "what differs beside the numbers (2 cases) left right" in text
    (left / "sub" / "two.safetensors").write_bytes(b"spoiled")
    save_npz(right / "three.npz", {"W": W})
    np.save(right / "three.npy", W)
    np.savetxt(left / "three.csv", W, delimiter=",")
    assert main(["diff", str(left), str(right)]) == 3
    text = words(capsys).replace(" ", "")  # a long path is folded
    assert one.replace(" ", "") in text
    assert "sub/twoerror:" in text
    for name in ("three.npz", "three.npy", "three.csv"):
        assert f"?{name}couldnotcompare" in text


def test_a_foreign_file_cannot_be_judged_again(tmp_path, capsys):
    np.savetxt(tmp_path / "W.csv", W, delimiter=",")
    (tmp_path / "W.pt").write_bytes(b"whatever")
    for name in ("W.csv", "W.pt"):
        assert main(["rejudge", str(tmp_path / name)]) == 2
        assert "does not say which case it is of" in words(capsys)


@pytest.mark.parametrize("suffix", [*SUFFIXES[2:], ".pkl", ".PT", ".json"])
def test_no_recording_is_written_into_a_foreign_suffix(suffix, tmp_path, capsys):
    (tmp_path / "case.yaml").write_text("inputs: {X: normal:3}\ngraph: {y: sum(X)}\n")
    command = ["record", str(tmp_path / "case.yaml"), "-b", "numpy", "-o"]
    assert main([*command, str(tmp_path / f"a{suffix}")]) == 2
    assert f"a recording cannot be written as '{suffix}'" in words(capsys)
