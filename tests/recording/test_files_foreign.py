"""Safetensors files of other programs are arrays without a case."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from gradcmp.errors import RecordingError
from gradcmp.recording import BFLOAT16
from gradcmp.recording.files import read

RNG = np.random.default_rng(5)
ARRAYS = {
    "layer.0.weight": RNG.standard_normal((3, 4)).astype("f4"),
    "layer.0.bias": RNG.standard_normal(4),
    "half": RNG.standard_normal(4).astype("f2"),
    "count": np.arange(3),
    "empty": np.zeros((0, 2), "f4"),
    "number": np.array(2.5),
}


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_files_of_the_library_are_read(metadata, tmp_path):
    file = tmp_path / "model.safetensors"
    save_file(ARRAYS, str(file), metadata)
    recording = read(file)
    assert recording.origin is None
    assert {*recording.tensors} == {*ARRAYS}
    for name, array in ARRAYS.items():
        assert recording.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(recording.tensors[name], array)


def blob(entry, content):
    header = json.dumps({"a": entry}).encode()
    return len(header).to_bytes(8, "little") + header + content


def test_bfloat16_and_complex_numbers_are_read(tmp_path):
    """By their bits: 1.0 is 3f80, -2.0 is c000."""
    file = tmp_path / "a.safetensors"
    entry = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}
    file.write_bytes(blob(entry, bytes.fromhex("803f00c0")))
    assert read(file).tensors["a"].dtype == BFLOAT16
    assert read(file).tensors["a"].astype("f4").tolist() == [1.0, -2.0]
    entry = {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]}
    file.write_bytes(blob(entry, np.array([1 - 2j], "<c8").tobytes()))
    assert read(file).tensors["a"].tolist() == [1 - 2j]


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]},
        {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
    ],
)
def test_what_does_not_fit_is_refused(entry, tmp_path):
    file = tmp_path / "a.safetensors"
    file.write_bytes(blob(entry, bytes(4)))
    with pytest.raises(RecordingError):
        read(file)
