"""HDF5 and Keras files: numbers by their paths; no link, no object, no other file."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from gradcmp import machine
from gradcmp.errors import RecordingError
from gradcmp.formats.hdf5 import read_hdf5, read_keras

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(32)
ARRAYS = {
    "big-endian": np.arange(3, dtype=">f4"),
    "complex": np.array([[1 + 2j, 3 - 4j]]),
    "half": RNG.standard_normal(4).astype("f2"),
    "layers/dense/vars/0": RNG.standard_normal((3, 4)).astype("f4"),
    "layers/dense/vars/1": RNG.standard_normal(4),
    "loss": np.asarray(0.5),
    "mask": np.array([True, False]),
    "none": np.zeros((0, 2), "f4"),
    "whole": np.arange(3),
}


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "arrays.h5")


@pytest.fixture
def refuse(file):
    def refused(make, words):
        with h5py.File(file, "w") as opened:
            make(opened)
        with pytest.raises(RecordingError, match=words):
            read_hdf5(file)

    return refused


@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "chunks": True}])
def test_arrays_come_by_their_paths(file, options):
    with h5py.File(file, "w") as opened:
        for name, array in ARRAYS.items():
            opened.create_dataset(name, data=array, **(options if array.size > 1 else {}))
        opened["note"] = "a text"
        opened["layers/names"] = [b"dense"]
        opened["nothing"] = h5py.Empty("f4")
    found = read_hdf5(file)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def linked(opened):
    opened["x"] = h5py.ExternalLink("/etc/passwd", "/a")


def soft(opened):
    opened["a"] = np.ones(2)
    opened["x"] = h5py.SoftLink("/a")


def elsewhere(opened):
    opened.create_dataset("x", (4,), dtype="u1", external=[("/etc/passwd", 0, 4)])


def virtual(opened):
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "a", shape=(4,))
    opened.create_virtual_dataset("x", layout)


def references(opened):
    opened["a"] = np.ones(2)
    opened.create_dataset("x", (1,), dtype=h5py.ref_dtype)[0] = opened["a"].ref


def ragged(opened):
    opened.create_dataset("x", (1,), dtype=h5py.vlen_dtype("f4"))


def records(opened):
    opened["x"] = np.zeros(2, [("a", "f4"), ("b", "i4")])


def endless(opened):
    group = opened.create_group("x")
    group["again"] = group


def huge(opened):
    opened.create_dataset("x", (10**13,), dtype="f8", chunks=(1000,), compression="gzip")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (linked, "'x' is a link, and links are not followed"),
        (soft, "'x' is a link, and links are not followed"),
        (elsewhere, "the numbers of 'x' are in another file, which is not opened"),
        (virtual, "the numbers of 'x' are in another file, which is not opened"),
        (references, "'x' contains objects, which are not read"),
        (ragged, "'x' contains objects, which are not read"),
        (records, "'x' contains numbers of dtype"),
        (endless, "group 'x/again' contains itself"),
        (huge, "with 'x' its arrays need more than half of this machine's memory"),
    ],
)
def test_what_leads_out_of_the_file_is_refused(refuse, make, words):
    refuse(make, words)


def test_a_file_cut_anywhere_is_refused(file, tmp_path):
    with h5py.File(file, "w") as opened:
        opened["w"] = ARRAYS["layers/dense/vars/1"]
    whole = (tmp_path / "arrays.h5").read_bytes()
    for length in {*range(1, len(whole), 101), len(whole) - 1}:
        (tmp_path / "arrays.h5").write_bytes(whole[:length])
        with pytest.raises(RecordingError, match="HDF5 cannot read it"):
            read_hdf5(file)


def weights():
    stream = io.BytesIO()
    with h5py.File(stream, "w") as opened:
        opened["layers/dense/vars/0"] = ARRAYS["layers/dense/vars/0"]
    return stream.getvalue()


def archive(file, content, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(file, "w", method) as made:
        made.writestr("config.json", "{nothing reads this")
        made.writestr("model.weights.h5", content)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_of_a_model_the_weights_alone_are_read(file, method):
    archive(file, weights(), method)
    ((name, array),) = read_keras(file).items()
    assert name == "layers/dense/vars/0"
    np.testing.assert_array_equal(array, ARRAYS[name], strict=True)


def test_a_bomb_is_refused_before_it_unfolds(file, monkeypatch):
    archive(file, bytes(1_000_000), zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(machine, "memory", lambda: 1_000_000)
    with pytest.raises(RecordingError, match="claims to decompress to 1000000 bytes"):
        read_keras(file)


def test_a_spoiled_archive_is_refused(file, tmp_path):
    archive(file, weights())
    whole = (tmp_path / "arrays.h5").read_bytes()
    spoiled = whole.replace(ARRAYS["layers/dense/vars/0"].tobytes(), bytes(48))
    for content in (whole[:-1], whole[: len(whole) // 2], b"PK\x03\x04", spoiled):
        (tmp_path / "arrays.h5").write_bytes(content)
        with pytest.raises(RecordingError, match=r"not a complete \.keras file"):
            read_keras(file)
