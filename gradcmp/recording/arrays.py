"""Arrays from foreign .npy and .npz files, mapped where they can be, never unpickled."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from tokenize import TokenError
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from gradcmp import machine
from gradcmp.dtypes.arrays import Array
from gradcmp.errors import RecordingError
from gradcmp.recording.blob import Buffer

NPY = b"\x93NUMPY"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # with members, and without
SUFFIX = ".npy"
HEADERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}
MAX_HEADER = 1 << 16  # bytes: NumPy itself refuses to parse more than 10 000
ENCRYPTED = 1  # flag of a member
LOCAL = 30  # bytes of a member's own header before its name
BROKEN = (  # by hostile headers, which are Python literals, and hostile archives
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether the order is Fortran's, and dtype, from where a .npy file begins.

    Raises
    ------
    Exception
        One of `BROKEN`, when that is no header that NumPy writes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 2 wrote headers that need a second look
        shape, fortran, dtype = HEADERS[npy_format.read_magic(stream)](stream)
    if any(type(length) is not int or length < 0 for length in shape):  # NumPy takes True for 1
        raise ValueError(f"the shape {shape}")
    return shape, fortran, dtype


def read_npy(buffer: Buffer) -> Array:
    """Return the array of a .npy file: a view into its bytes.

    Raises
    ------
    RecordingError
        When the bytes are not one complete .npy file, or contain anything but numbers.
    """
    stream = io.BytesIO(bytes(buffer[:MAX_HEADER]))
    try:
        shape, fortran, dtype = read_header(stream)
    except BROKEN:
        raise RecordingError("this is not a complete .npy file", way_out="Save it again") from None
    if dtype.kind not in "fiubc" or dtype.itemsize > (16 if dtype.kind == "c" else 8):
        raise RecordingError(
            f"it contains {'pickled objects' if dtype.hasobject else f'numbers of dtype {dtype}'}",
            way_out="Save numbers whose parts have up to 64 bits, integers or booleans",
        )
    size = math.prod(shape) * dtype.itemsize
    if stream.tell() + size != len(buffer):
        raise RecordingError(
            f"its shape {shape} takes {size} bytes, and there are {len(buffer) - stream.tell()}",
            way_out="Save it again",
        )
    try:
        return np.ndarray(shape, dtype, buffer, stream.tell(), order="F" if fortran else "C")
    except (TypeError, ValueError, OverflowError) as error:  # too many axes, or too long ones
        raise RecordingError(f"an array cannot have its shape: {error}") from None


def read_npz(stream: BinaryIO, buffer: Buffer) -> dict[str, Array]:
    """Return the arrays of a .npz file: views where it is not compressed, else in memory.

    Parameters
    ----------
    stream, buffer
        The same file, opened and mapped.

    Raises
    ------
    RecordingError
        When it is not a complete archive of arrays, or more than half of the memory would be
        needed to decompress it.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _require_memory(members)
            return dict(_arrays(archive, members, buffer))
    except BROKEN as error:
        raise RecordingError(
            f"this is not a complete .npz file ({error})", way_out="Save it again"
        ) from None


def _arrays(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], buffer: Buffer
) -> Iterator[tuple[str, Array]]:
    seen: set[str] = set()
    for member in members:
        name = member.filename.removesuffix(SUFFIX)
        if name in seen or name == member.filename:
            what = "occurs twice" if name in seen else "is not an array"
            raise RecordingError(f"its member '{member.filename}' {what}")
        seen.add(name)
        try:
            yield name, read_npy(_content(archive, member, buffer))
        except RecordingError as error:
            error.fact = f"array '{name}': {error.fact}"
            raise


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, buffer: Buffer) -> Any:
    """Return the bytes of a member, whose checksum is right."""
    if member.compress_type == zipfile.ZIP_DEFLATED or member.flag_bits & ENCRYPTED:
        return archive.read(member)
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"'{member.filename}' is compressed in a way that NumPy does not use")
    with archive.open(member):  # that its own header agrees with the directory
        own = member.header_offset
    lengths = (buffer[own + 26 : own + 28], buffer[own + 28 : own + 30])  # of name and extra field
    start = own + LOCAL + sum(int.from_bytes(length, "little") for length in lengths)
    content = memoryview(buffer)[start : start + member.file_size]
    if len(content) != member.file_size or zlib.crc32(content) != member.CRC:
        raise ValueError(f"the checksum of '{member.filename}' is wrong")
    return content


def _require_memory(members: list[zipfile.ZipInfo]) -> None:
    there = machine.memory()
    needed = sum(m.file_size for m in members if m.compress_type != zipfile.ZIP_STORED)
    if there is not None and needed > there // 2:
        raise RecordingError(
            f"it claims to decompress to {needed} bytes, and this machine has {there} of memory",
            way_out="Save it without compression, so that it can be mapped into memory",
        )
