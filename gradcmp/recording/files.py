"""Recordings in files: written whole or not at all, and in memory when read."""

from __future__ import annotations

import io
import mmap
import os
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import numpy as np

from gradcmp.dtypes.arrays import BFLOAT16
from gradcmp.errors import Location, RecordingError
from gradcmp.machine import available
from gradcmp.outside.files import Kind, below, kind
from gradcmp.outside.whole import write_whole
from gradcmp.recording.account import account_to_arrays
from gradcmp.recording.arrays import NPY, ZIP, read_npy, read_npz
from gradcmp.recording.blob import unpack_foreign
from gradcmp.recording.form import from_bytes, to_bytes
from gradcmp.recording.records import Recording

SUFFIX = ".safetensors"
NPZ = ".npz"
SUFFIXES = (SUFFIX, NPZ, ".npy")
NAMELESS = "array"  # the name of the array of a .npy file
SHARE = 4  # of the memory that is free: two files are compared, and the judge needs some as well
PLAIN = " ,=+@()"  # in the name of a file, besides letters, digits and _.-~


def write(file: Path, recording: Recording) -> None:
    """Write a recording and the directories above it; an interrupted write leaves no trace.

    A .npz file gets the arrays alone, by their names on screen.

    Raises
    ------
    RecordingError
        When the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, _npz(recording) if file.suffix.lower() == NPZ else to_bytes(recording))
    except OSError as error:
        raise RecordingError(f"'{file}' cannot be written: {error.strerror}") from None


def _npz(recording: Recording) -> bytes:
    """Return values and gradients as a .npz file; NumPy alone cannot read bfloat16."""
    stream = io.BytesIO()
    wide = np.dtype(np.float32)
    np.savez(
        stream,
        **{  # type: ignore[arg-type]
            name: array.astype(wide) if array.dtype == BFLOAT16 else array
            for name, array in recording.tensors.items()
        },
    )
    return stream.getvalue()


def read(file: Path) -> Recording:
    """Read a recording, or the arrays of a .npz or .npy file, which have neither case nor backend.

    What does not fit into memory is mapped: an array may be larger. Its first bytes tell which kind
    of file it is.

    Raises
    ------
    RecordingError
        When it is not such a file, is not complete, or contains no array.
    """
    require_regular(file)
    try:
        recording = _read(file)
        _seal(recording)
    except OSError as error:
        raise RecordingError(f"'{file}' cannot be read: {error.strerror}") from None
    except RecordingError as error:
        raise error.at(Location(str(file))) from None
    if not recording.tensors:
        raise RecordingError("it contains no array", where=Location(str(file)))
    return recording


def _seal(recording: Recording | None) -> None:
    """Make the arrays of a recording read-only, as those of a mapped file are."""
    if recording:
        given = (recording.given or {}).values()
        told = account_to_arrays(recording.account).values() if recording.account else ()
        kept = (*given, *recording.own_noise.values(), *told)
        for array in (*recording.tensors.values(), *kept):
            array.flags.writeable = False
        _seal(recording.twin)


def require_regular(file: Path) -> None:
    """Refuse what is not there, and what is not a file: a pipe or a device would be waited for.

    Raises
    ------
    RecordingError
    """
    there = _kind(file)
    if there == "nothing":
        raise RecordingError(f"'{file}' does not exist")
    if there != "file":
        raise RecordingError(f"'{file}' is not a regular file")


def _read(file: Path) -> Recording:
    with file.open("rb") as stream:
        content = _content(stream)
        if content[:4] in ZIP:
            return Recording("", "", read_npz(stream, content), {})
    if content[:6] == NPY:
        return Recording("", "", {NAMELESS: read_npy(content)}, {})
    foreign = unpack_foreign(content)
    return from_bytes(content) if foreign is None else Recording("", "", foreign, {})


def _content(stream: BinaryIO) -> mmap.mmap:
    """Read a file, or map what is too large.

    A mapped file that another program cuts short would end this process by SIGBUS.

    Raises
    ------
    RecordingError
        For a file that is empty, or becomes shorter.
    """
    size = os.fstat(stream.fileno()).st_size
    if not size:
        raise RecordingError("it is empty")
    free = available()
    if free is None or size > free // SHARE:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    content, done = mmap.mmap(-1, size), 0
    with memoryview(content) as view:
        while done < size:
            count = stream.readinto(view[done:])  # type: ignore[attr-defined]
            if not count:
                raise RecordingError(
                    "it became shorter while it was read", way_out="Read it when it stands still"
                )
            done += count
    return content


def _kind(path: Path) -> Kind:
    try:
        return kind(path)
    except OSError as error:
        raise RecordingError(f"'{path}' cannot be read: {error.strerror}") from None


def find(path: Path, suffixes: tuple[str, ...] = SUFFIXES) -> dict[str, Path]:
    """Return the files at a path, each by its place below it.

    Parameters
    ----------
    suffixes : tuple of str
        Of the files that are meant; without them recordings, .npz and .npy files.

    Returns
    -------
    dict of str to Path
        For a directory every such file below it, sorted; a file itself has the place ``""``.

    Raises
    ------
    RecordingError
        For a path that does not exist, and a directory without recordings or that cannot be read.
    """
    there = _kind(path)
    if there == "nothing":
        raise RecordingError(f"'{path}' does not exist")
    if there != "folder":
        return {"": path}
    try:
        files = [one for one in below(path, suffixes) if not one.name.startswith(".")]
    except OSError as error:
        raise RecordingError(
            f"'{error.filename or path}' cannot be read: {error.strerror}",
            way_out="Make it readable, or name the other files",
        ) from None
    if not files:
        raise RecordingError(f"'{path}' contains no {', no '.join(f'*{s}' for s in suffixes)}")
    return {each.relative_to(path).as_posix(): each for each in files}


def golden_file(directory: Path, case: str, backend: str) -> Path:
    """Return the place of a backend's recording of a case below a directory of golden ones."""
    return directory / quoted(case) / f"{quoted(backend)}{SUFFIX}"


def quoted(name: str) -> str:
    """Return a name as part of a path, from which the name can be told."""
    text = quote(name, safe=PLAIN)
    return f"%2E{text[1:]}" if text.startswith(".") else text
