"""A file that another program cuts short while it is read is an error, or does not matter."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from gradcmp.errors import RecordingError
from gradcmp.recording import files

KINDS = {  # by suffix: how an array is saved
    ".npy": np.save,
    ".npz": lambda file, array: np.savez(file, array=array),
    ".safetensors": lambda file, array: __import__("safetensors.numpy").numpy.save_file(
        {"array": array}, file
    ),
}


@pytest.mark.processes
@pytest.mark.parametrize("suffix", KINDS)
def test_after_it_was_read(suffix, tmp_path):
    """Were it mapped, the kernel would end the process by SIGBUS."""
    file = tmp_path / f"a{suffix}"
    KINDS[suffix](file, np.ones(1 << 20))
    code = (
        "import sys, os, pathlib\n"
        "from gradcmp.recording.files import read\n"
        "array = read(pathlib.Path(sys.argv[1])).tensors['array']\n"
        "os.truncate(sys.argv[1], 4096)\n"
        "print(array.sum(), array.flags.writeable)"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "1048576.0 False\n"), done.stderr


@pytest.mark.parametrize("suffix", KINDS)
def test_while_it_is_read(suffix, tmp_path, monkeypatch):
    file = tmp_path / f"a{suffix}"
    KINDS[suffix](file, np.ones(1000))
    look = os.fstat

    def shrinks(descriptor: int) -> os.stat_result:
        before = look(descriptor)
        os.truncate(file, 500)
        return before

    monkeypatch.setattr("os.fstat", shrinks)
    with pytest.raises(RecordingError, match="it became shorter while it was read"):
        files.read(file)


@pytest.mark.parametrize(("free", "mapped"), [(None, True), (4 * 8127, True), (4 * 8128, False)])
def test_what_is_too_large_is_mapped(free, mapped, tmp_path, monkeypatch):
    file = tmp_path / "a.npy"
    np.save(file, np.ones(1000))
    monkeypatch.setattr(files, "available", lambda: free)
    array = files.read(file).tensors["array"]
    with file.open("r+b") as stream:
        stream.seek(128)
        stream.write(np.float64(3).tobytes())
    assert array[0] == (3 if mapped else 1)


def test_what_is_free_is_no_more_than_what_may_be_used():
    from gradcmp import machine

    free, limit = machine.available(), machine.memory()
    assert limit is None or 0 < free <= limit
