"""Kept whole or not at all, mapped when read, and the same when it comes back."""

from __future__ import annotations

import errno
import hashlib
import mmap
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradcmp.errors import RecordingError
from gradcmp.recording import fingerprint
from gradcmp.recording.files import find, golden_file, quoted, read, write


def test_a_recording_comes_back_from_its_file(recording, tmp_path):
    file = tmp_path / "new" / "place" / "a.safetensors"
    write(file, recording)
    found = read(file)
    for name, array in recording.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], array, strict=True)
    assert list(found.tensors) == list(recording.tensors)
    empty = {"values": {}, "gradients": {}}
    assert replace(found, **empty) == replace(recording, **empty)


def test_what_is_read_is_mapped_and_cannot_be_written(make, tmp_path):
    write(tmp_path / "a.safetensors", make())
    array = read(tmp_path / "a.safetensors").values["X"]
    assert isinstance(array.base, mmap.mmap)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_a_mapped_recording_outlives_its_replacement(make, tmp_path):
    file = tmp_path / "a.safetensors"
    write(file, make())
    before = read(file)
    copy = {name: np.array(array) for name, array in before.tensors.items()}
    write(file, make(x=np.zeros((4, 3))))
    for name, array in before.tensors.items():
        np.testing.assert_array_equal(array, copy[name], strict=True)


def test_an_interrupted_write_leaves_what_was_there(make, tmp_path, monkeypatch):
    file = tmp_path / "a.safetensors"
    write(file, make())
    before = file.read_bytes()

    def full(path, data):
        with path.open("wb") as stream:
            stream.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RecordingError, match="cannot be written: No space left on device"):
        write(file, make(backend="jax"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    assert file.read_bytes() == before


def test_others_may_read_it(make, tmp_path):
    write(tmp_path / "a.safetensors", make())
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.processes
def test_arrays_larger_than_memory_may_be_compared(tmp_path):
    """A process that may use 256 MiB holds two arrays of 512 MiB together; the file is sparse."""
    pytest.importorskip("resource")
    code = f"""
import resource
from pathlib import Path
import numpy as np
from gradcmp.case import DTypeTable
from gradcmp.judge.recorded.pair import judge_pair
from gradcmp.judge.verdict import Pair
from gradcmp.recording.files import read
file = Path({str(tmp_path / "big.npy")!r})
np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(1 << 27,)).flush()
resource.setrlimit(resource.RLIMIT_DATA, (1 << 28, 1 << 28))
try:
    np.load(file)
except MemoryError:
    verdict = judge_pair(Pair("a", "b"), read(file), read(file), DTypeTable())
    print(verdict.comparisons[Pair("a", "b")]["array"].statistics.equal)
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == f"{1 << 27}\n", answer.stderr


def test_the_fingerprint_is_of_the_numbers_not_their_layout():
    x = np.random.default_rng(2).standard_normal((3, 4))
    expected = hashlib.sha256(b"float64 (3, 4) " + x.astype("<f8").tobytes()).hexdigest()
    assert fingerprint(x) == expected
    assert fingerprint(np.asfortranarray(x)) == expected
    assert fingerprint(x.astype(">f8")) == expected
    assert fingerprint(np.repeat(x, 2, axis=0)[::2]) == expected


@pytest.mark.parametrize(
    "other",
    [
        lambda x: x.astype(np.float32),
        lambda x: x.reshape(4, 3),
        lambda x: np.negative(x),
        lambda x: x[::-1],
        lambda x: np.nextafter(x, 9),
    ],
)
def test_other_inputs_have_another_fingerprint(other):
    x = np.random.default_rng(2).standard_normal((3, 4))
    assert fingerprint(other(x)) != fingerprint(x)


def test_recordings_below_a_directory_are_found(make, tmp_path):
    write(tmp_path / "b" / "two.safetensors", make())
    np.savez(tmp_path / "one.npz", x=np.ones(2))
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.npz").touch()
    (tmp_path / "c.npz").mkdir()
    assert list(find(tmp_path)) == ["b/two.safetensors", "one.npz"]
    assert find(tmp_path / "one.npz") == {"": tmp_path / "one.npz"}
    for path, words in ((tmp_path / "c.npz", "contains no"), (tmp_path / "d", "does not exist")):
        with pytest.raises(RecordingError, match=words):
            find(path)


NAMES = [
    "seed",
    "a b",
    "..",
    ".",
    ".x",
    "../../etc",
    "a/b",
    "a\\b",
    "100%",
    "tensorflow:eager",
    "é",
]


def test_every_name_has_a_place_of_its_own_below_the_directory(tmp_path):
    places = {golden_file(tmp_path, name, "torch").resolve() for name in NAMES}
    assert len(places) == len(NAMES)
    assert {place.parent.parent for place in places} == {tmp_path.resolve()}
    assert quoted("two layers") == "two layers"
