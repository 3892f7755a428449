"""Arrays and facts as one safetensors blob: on the wire between processes, and on disk.

The format is a length, a JSON header and the bytes of the arrays. It is written and read here,
not by its library: that one holds everything in memory twice, copies what a view would serve, be
it of a message or of a memory-mapped file, and its NumPy loader knows no bfloat16.
Ref: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NoReturn, TypeAlias

import numpy as np

from gradcmp.errors import RecordingError
from gradcmp.recording.facts import AGAIN
from gradcmp.recording.records import BFLOAT16, Array

METADATA = "__metadata__"
KEY = "gradcmp"  # of the facts in the metadata
PREFIX = 8  # bytes that hold the length of the header
MAX_HEADER = 100_000_000  # the format's own limit
SIZES = (1, 2, 4, 8)  # bytes of a number
DTYPES = {  # by what the format calls them
    **{f"{kind.upper()}{8 * size}": np.dtype(f"<{kind}{size}") for kind in "iu" for size in SIZES},
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in SIZES if size > 1},
    "BOOL": np.dtype(np.bool_),
}
CODES = {dtype: code for code, dtype in DTYPES.items()}
BROKEN = (KeyError, TypeError, ValueError, OverflowError, RecursionError)  # by hostile JSON

Buffer: TypeAlias = "bytes | Any"  # or an mmap: what can be sliced and be an array's memory


def pack(arrays: Mapping[str, Array], meta: Mapping[str, Any]) -> bytes:
    """Put arrays and JSON-able facts into one blob, which keeps the order of both.

    bfloat16 is stored as its bits in uint16 with the true dtype in the metadata, so that the
    library's NumPy loader can read it.
    """
    facts = {**meta, "bfloat16": [k for k, a in arrays.items() if a.dtype == BFLOAT16]}
    header: dict[str, Any] = {METADATA: {KEY: json.dumps(facts)}}
    header |= dict.fromkeys(arrays)
    parts: list[Any] = []  # arrays, which NumPy does not tell the type checker are buffers
    end = 0
    for key, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):  # stay aligned
        bits = array.view(np.uint16) if array.dtype == BFLOAT16 else array
        part = np.ascontiguousarray(bits, bits.dtype.newbyteorder("<"))
        start, end = end, end + part.nbytes
        header[key] = {
            "dtype": CODES[part.dtype],
            "shape": array.shape,
            "data_offsets": (start, end),
        }
        parts.append(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(PREFIX, "little"), text, *parts))


def unpack(blob: Buffer) -> tuple[dict[str, Array], dict[str, Any]]:
    """Take a blob of `pack` apart; the arrays are views into it.

    Raises
    ------
    RecordingError
        When the blob is truncated or was not written by gradcmp.
    """
    try:
        header, start = _header(blob)
        metadata = header.pop(METADATA, {})
        if KEY not in metadata:
            raise RecordingError(
                "gradcmp did not write this safetensors file", way_out="Save its arrays as .npz"
            )
        facts = _parse(metadata[KEY])
        arrays = dict(_views(blob, header, start))
        for name in facts.pop("bfloat16"):
            arrays[name] = _brain(arrays[name])
    except BROKEN as error:
        raise RecordingError(
            f"this is no complete safetensors recording ({_reason(error)})", way_out=AGAIN
        ) from None
    return arrays, facts


def _header(blob: Buffer) -> tuple[dict[str, Any], int]:
    """Give the header, and where the bytes of the arrays begin."""
    length = int.from_bytes(blob[:PREFIX], "little")
    start = PREFIX + length
    if start > len(blob) or length > MAX_HEADER:
        raise ValueError(f"a header of {length} bytes in a file of {len(blob)}")
    return _parse(bytes(blob[PREFIX:start]).decode("utf-8")), start


def _parse(text: str) -> dict[str, Any]:
    facts = json.loads(text, parse_constant=_no_constant)
    if not isinstance(facts, dict):
        raise TypeError(f"a {type(facts).__name__} where its facts should be")
    if r"\ud" in text.lower():
        json.dumps(facts, ensure_ascii=False).encode()  # fails on half a surrogate pair
    return facts


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} in its header")


def _views(blob: Buffer, header: Mapping[str, Any], start: int) -> Iterator[tuple[str, Array]]:
    """Give each array; together they must cover the rest of the blob, each byte once."""
    spans = [(0, 0), (len(blob) - start, len(blob) - start)]
    for name, entry in header.items():
        dtype = DTYPES[entry["dtype"]]
        begin, end = map(_whole, entry["data_offsets"])
        shape = tuple(map(_whole, entry["shape"]))
        if end - begin != dtype.itemsize * math.prod(shape) or start + end > len(blob):
            raise ValueError(f"'{name}' does not fit into its bytes")
        spans.append((begin, end))
        array: Array = np.ndarray(shape, dtype, blob, start + begin)
        yield name, array
    spans.sort()
    if any(before[1] != after[0] for before, after in pairwise(spans)):
        raise ValueError("its arrays overlap or leave gaps")


def _brain(bits: Array) -> Array:
    if bits.dtype != np.uint16:
        raise TypeError(f"the bits of a bfloat16 in {bits.dtype}")
    return bits.view(BFLOAT16)


def _whole(number: Any) -> int:
    if type(number) is not int or number < 0:  # a bool is no number here
        raise TypeError(f"{number!r} where a whole number should be")
    return number


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {error}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
