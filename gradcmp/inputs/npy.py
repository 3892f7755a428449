"""Arrays from .npy and .npz files: the header first, the numbers later, never a pickle."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from gradcmp.case import Shape
from gradcmp.errors import InputError, did_you_mean
from gradcmp.ops import Array
from gradcmp.outside.files import is_special
from gradcmp.recording.arrays import BROKEN, read_header

ZIP = b"PK"


def probe(file: str, key: str | None) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and dtype, from the header alone.

    Raises
    ------
    InputError
        When there is no such file or key, or the file is not in a format of NumPy.
    """
    with _open(file, key) as stream:
        shape, _, dtype = read_header(stream)
        return shape, dtype


def require_whole(file: str, key: str | None = None) -> None:
    """Refuse a file that is cut short, by its length; the end of an archive is its directory.

    Raises
    ------
    InputError
        As `probe`, too.
    """
    with _open(file, key) as stream:
        if isinstance(stream, zipfile.ZipExtFile):
            return
        shape, _, dtype = read_header(stream)
        if os.fstat(stream.fileno()).st_size - stream.tell() < math.prod(shape) * dtype.itemsize:
            raise EOFError


def read(file: str, key: str | None) -> Array:
    """Read the array; raises as `probe` does, and for a file that is cut short."""
    with _open(file, key) as stream:
        array: Array = npy_format.read_array(stream, allow_pickle=False)
        return array


@contextmanager
def _open(file: str, key: str | None) -> Iterator[IO[bytes]]:
    """Open the bytes of one array, whichever of the two formats it is in."""
    if is_special(Path(file)):
        raise InputError(f"'{file}' is not a regular file", way_out="Save the array in a file")
    try:
        with Path(file).open("rb") as plain:
            if plain.read(2) != ZIP:
                if key is not None:
                    raise InputError(f"'{file}' contains a single array", way_out="Leave 'key' out")
                plain.seek(0)
                yield plain
                return
        with (
            zipfile.ZipFile(file) as archive,
            archive.open(f"{_choose(file, key, archive)}.npy") as member,
        ):
            yield member
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror or error}") from None
    except BROKEN:
        raise InputError(
            f"'{file}' is not a complete .npy or .npz file", way_out="Save it again"
        ) from None


def _choose(file: str, key: str | None, archive: zipfile.ZipFile) -> str:
    keys = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    if key is None and len(keys) == 1:
        return keys[0]
    if key is None:
        raise InputError(
            f"'{file}' contains {len(keys)} arrays",
            way_out=f"Choose one with 'key': {', '.join(sorted(keys))}",
        )
    if key not in keys:
        raise InputError(f"'{file}' has no array '{key}'", way_out=did_you_mean(key, keys))
    return key
