"""Arrays and facts as one safetensors blob: on the wire between processes, and on disk.

The format is a length, a JSON header and the bytes of the arrays. It is written and read here,
not by its library: the library keeps everything in memory twice, copies where a view would do
(of a message, or of a memory-mapped file), and its NumPy loader does not know bfloat16.
Ref: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from gradcmp.dtypes.arrays import BFLOAT16, Array
from gradcmp.errors import RecordingError
from gradcmp.recording.facts import AGAIN, BROKEN, parse
from gradcmp.recording.header import CODES, Header, read_header, write_header

PREFIX = 8  # bytes of the length of the header
MAX_HEADER = 100_000_000  # the format's own limit

Buffer: TypeAlias = (
    "bytes | Any"  # or an mmap: anything that can be sliced and be the memory of an array
)


def pack(arrays: Mapping[str, Array], meta: Mapping[str, Any], tail: bytes = b"") -> bytes:
    """Put arrays and JSON-able facts into one blob, which keeps the order of both.

    bfloat16 is stored as its bits in uint16 with the true dtype in the metadata, so that the
    library's NumPy loader can read it.

    Parameters
    ----------
    tail : bytes
        Appended to the blob; to append it later would copy all arrays again.
    """
    facts = {**meta, "bfloat16": [k for k, a in arrays.items() if a.dtype == BFLOAT16]}
    plain: dict[str, Any] = {name: _plain(array) for name, array in arrays.items()}
    specs = tuple([(name, array.dtype, array.shape) for name, array in plain.items()])
    header = write_header(json.dumps(facts), specs)
    parts = [plain[name] for name in header.order]
    return b"".join((len(header.text).to_bytes(PREFIX, "little"), header.text, *parts, tail))


def unpack(blob: Buffer) -> tuple[dict[str, Array], dict[str, Any]]:
    """Take a blob of `pack` apart; the arrays are views into it.

    Raises
    ------
    RecordingError
        When the blob is truncated or was not written by gradcmp.
    """
    try:
        start = _start(blob)
        header = read_header(bytes(blob[PREFIX:start]), len(blob) - start)
        if header.facts is None:
            raise RecordingError("gradcmp did not write this safetensors file")
        facts = parse(header.facts)  # anew each time: it belongs to the caller
        arrays = _arrays(blob, start, header)
        for name in facts.pop("bfloat16"):
            arrays[name] = _brain(arrays[name])
    except BROKEN as error:
        raise RecordingError(
            f"this is not a complete safetensors recording ({_reason(error)})", way_out=AGAIN
        ) from None
    return arrays, facts


def unpack_foreign(blob: Buffer) -> dict[str, Array] | None:
    """Return the arrays of a safetensors file that another program wrote, as views into it.

    Returns
    -------
    dict of str to array or None
        None for anything else: a blob of `pack`, or no complete file.
    """
    try:
        start = _start(blob)
        header = read_header(bytes(blob[PREFIX:start]), len(blob) - start)
        return _arrays(blob, start, header) if header.facts is None else None
    except BROKEN:
        return None


def _arrays(blob: Buffer, start: int, header: Header) -> dict[str, Array]:
    return {
        name: np.ndarray(shape, dtype, blob, start + begin)
        for (name, dtype, shape), begin in header.spans
    }


def _plain(array: Array) -> Array:
    """Return the array itself if its bytes can be written as they lie, else a copy that can."""
    bits: Array = array.view(np.uint16) if array.dtype == BFLOAT16 else array
    if bits.dtype in CODES and bits.flags.c_contiguous:
        return bits
    return np.array(bits, bits.dtype.newbyteorder("<"), order="C")


def _start(blob: Buffer) -> int:
    """Return where the bytes of the arrays begin."""
    length = int.from_bytes(blob[:PREFIX], "little")
    if PREFIX + length > len(blob) or length > MAX_HEADER:
        raise ValueError(f"a header of {length} bytes in a file of {len(blob)}")
    return PREFIX + length


def _brain(bits: Array) -> Array:
    if bits.dtype != np.uint16:
        raise TypeError(f"the bits of a bfloat16 in {bits.dtype}")
    return bits.view(BFLOAT16)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {error}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
