"""NumPy's own files: mapped, checked, never unpickled, never a bomb."""

from __future__ import annotations

import io
import mmap
import struct
import zipfile

import numpy as np
import pytest

from gradcmp import machine
from gradcmp.errors import RecordingError
from gradcmp.recording.files import read

RNG = np.random.default_rng(6)
ARRAYS = {
    "dX": RNG.standard_normal((4, 3)),
    "layer/weight": RNG.standard_normal((2, 5)).astype(np.float32).T,
    "count": np.arange(3),
    "mask": np.array([True, False]),
    "loss": np.asarray(0.5),
    "empty": np.zeros((0, 2)),
    "big-endian": np.arange(3, dtype=">f4"),
}


def npy(array, version=None):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), version, allow_pickle=True)
    return stream.getvalue()


def header(text, version=b"\x01\x00"):
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + version + size + text


@pytest.fixture
def file(tmp_path):
    return tmp_path / "arrays"


def refuse(file, content, words="."):
    file.write_bytes(content)
    with pytest.raises(RecordingError, match=words):
        read(file)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_comes_as_it_was_saved(file, save):
    with file.open("wb") as stream:
        save(stream, **ARRAYS)
    recording = read(file)
    assert (recording.origin, recording.backend, recording.dtype) == (None, "", "")
    assert recording.values.keys() == ARRAYS.keys()
    for name, array in recording.values.items():
        assert array.dtype == ARRAYS[name].dtype
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_an_npy_comes_as_it_was_saved(file, version):
    file.write_bytes(npy(ARRAYS["layer/weight"], version))
    (array,) = read(file).values.values()
    np.testing.assert_array_equal(array, ARRAYS["layer/weight"], strict=True)


def owner(array):
    while isinstance(array, np.ndarray | memoryview):
        array = array.base if isinstance(array, np.ndarray) else array.obj
    return array


def test_what_is_not_compressed_is_mapped(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    np.save(tmp_path / "a.npy", ARRAYS["dX"])
    for file in tmp_path.iterdir():
        for array in read(file).values.values():
            assert isinstance(owner(array), mmap.mmap)


def test_pickles_are_never_opened(file):
    class Bomb:
        def __reduce__(self):
            raise AssertionError("it was pickled or unpickled twice")

    objects = np.array([{"a": 1}], dtype=object)
    refuse(file, npy(objects), "pickled objects")
    stream = io.BytesIO()
    np.savez(stream, fine=np.ones(2), objects=objects)
    refuse(file, stream.getvalue(), "array 'objects': it contains pickled objects")


@pytest.mark.parametrize(
    "array",
    [
        np.ones(2, np.clongdouble),
        np.array(["a"]),
        np.array(["2024-01-01"], "M8[D]"),
        np.zeros(2, [("a", "f4")]),
        np.zeros(2, "V2"),
        np.ones(2, np.longdouble),
    ],
    ids=lambda array: str(array.dtype),
)
def test_what_is_no_number_is_refused(file, array):
    refuse(file, npy(array), "it contains numbers of dtype")


DICT = "{{'descr': '<f8', 'fortran_order': False, 'shape': {}, }}\n"


@pytest.mark.parametrize(
    "shape",
    [
        "(2**62,)",
        "(9223372036854775807, 9223372036854775807)",
        "(-1,)",
        "(-1, -1)",
        "(nan,)",
        "(1.0,)",
        "3",
        "None",
        "('a',)",
        f"(0, 1{30 * '0'})",
        f"({70 * '1,'})",
    ],
)
def test_a_shape_that_cannot_be_is_refused(file, shape):
    refuse(file, header(DICT.format(shape).encode()) + bytes(8))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[1]",
        b"(" * 5000,
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        b"{'descr': 'nonsense', 'fortran_order': False, 'shape': (1,)}",
        b"{'descr': [], 'fortran_order': False, 'shape': (1,)}",
        b"{'descr': '<f8', 'fortran_order': 3, 'shape': (1,)}",
        b"__import__('os').abort()",
        b"\xff" * 40,
        b"1" * 60_000,
    ],
    ids=range(11),
)
@pytest.mark.parametrize("version", [b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x09"])
def test_a_hostile_header_is_refused(file, text, version):
    refuse(file, header(text, version) + bytes(8))


def test_a_second_array_in_one_npy_is_not_passed_over(file):
    refuse(file, 2 * npy(np.ones(3)), "its shape")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_cut_anywhere_is_refused(file, save):
    stream = io.BytesIO()
    save(stream, dX=ARRAYS["dX"], loss=ARRAYS["loss"])
    whole = stream.getvalue()
    for length in range(1, len(whole)):
        refuse(file, whole[:length])


@pytest.mark.parametrize("mask", [0x01, 0xFF])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_byte_never_changes_a_number(file, save, mask):
    stream = io.BytesIO()
    save(stream, dX=ARRAYS["dX"])
    whole = stream.getvalue()
    refused = 0
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
        try:
            found = read(file).values
        except RecordingError:
            refused += 1
        else:
            if "dX" in found:  # else its name was spoiled
                np.testing.assert_array_equal(found["dX"], ARRAYS["dX"], strict=True)
    assert refused > 100


def test_a_bomb_is_refused_before_it_unfolds(file, monkeypatch):
    with file.open("wb") as stream:
        np.savez_compressed(stream, zeros=np.zeros(1_000_000))
    assert file.stat().st_size < 20_000
    monkeypatch.setattr(machine, "memory", lambda: 10_000_000)
    with pytest.raises(RecordingError, match="to decompress to 8000128 bytes"):
        read(file)
    monkeypatch.setattr(machine, "memory", lambda: 20_000_000)
    assert read(file).values["zeros"].shape == (1_000_000,)


def member(file, name, content, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(file, "a", method) as archive:
        archive.writestr(name, content)


def test_a_member_that_is_no_array_is_refused(file):
    member(file, "readme.txt", "hello")
    with pytest.raises(RecordingError, match=r"member 'readme\.txt' is not an array"):
        read(file)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(file):
    member(file, "x.npy", npy(np.ones(2)))
    member(file, "x.npy", npy(np.zeros(2)))
    with pytest.raises(RecordingError, match="occurs twice"):
        read(file)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(file, method):
    member(file, "x.npy", npy(np.ones(2)), method)
    with pytest.raises(RecordingError, match="is compressed in a way that NumPy does not use"):
        read(file)


def test_an_archive_without_arrays_is_refused(file):
    with zipfile.ZipFile(file, "w"):
        pass
    with pytest.raises(RecordingError, match="contains no array"):
        read(file)
