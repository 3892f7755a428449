"""The header of a blob: where each array lies, and the facts.

A warm worker answers the same question again and again, with other numbers but the same names,
dtypes and shapes: its headers are the same text, which is written and read once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gradcmp.dtypes.arrays import BFLOAT16
from gradcmp.recording.facts import parse

METADATA = "__metadata__"
KEY = "gradcmp"  # of the facts in the metadata
KEPT = 64  # headers that are remembered: of a few cases, in every backend and dtype
LONG = 1 << 16  # bytes, from which on a header is not: 64 of the longest would fill the memory
SIZES = (1, 2, 4, 8)  # bytes of a number
DTYPES = {  # by their names in the format
    **{f"{kind.upper()}{8 * size}": np.dtype(f"<{kind}{size}") for kind in "iu" for size in SIZES},
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in SIZES if size > 1},
    "BOOL": np.dtype(np.bool_),
}
# What other libraries write besides, and gradcmp never does.
FOREIGN = {
    "BF16": BFLOAT16,
    "C64": np.dtype("<c8"),
    "C128": np.dtype("<c16"),
}
CODES = {dtype: code for code, dtype in DTYPES.items()}

Spec: TypeAlias = "tuple[str, np.dtype[Any], tuple[int, ...]]"  # of an array: name, dtype, shape


class Written(NamedTuple):
    """A header as text, and the names of the arrays in the order in which their bytes follow."""

    text: bytes
    order: tuple[str, ...]


class Span(NamedTuple):
    """An array, and where its bytes begin behind the header."""

    spec: Spec
    begin: int


class Header(NamedTuple):
    """Every array, and the facts as JSON; none where another program wrote the file."""

    spans: tuple[Span, ...]
    facts: str | None


def write_header(facts: str, specs: tuple[Spec, ...]) -> Written:
    """Return the header of arrays and facts, padded so that what follows is aligned."""
    short = len(facts) + sum(len(name) for name, _, _ in specs) < LONG
    return (_write if short else _write.__wrapped__)(facts, specs)


def read_header(text: bytes, room: int) -> Header:
    """Read a header that `room` bytes of arrays follow.

    Raises
    ------
    KeyError, TypeError, ValueError, OverflowError, RecursionError
        When it is not the header of that many bytes.
    """
    return (_read if len(text) < LONG else _read.__wrapped__)(text, room)


@lru_cache(KEPT)
def _write(facts: str, specs: tuple[Spec, ...]) -> Written:
    header: dict[str, Any] = {METADATA: {KEY: facts}, **dict.fromkeys(name for name, _, _ in specs)}
    order = sorted(specs, key=lambda spec: -spec[1].itemsize)  # so that each is aligned
    end = 0
    for name, dtype, shape in order:
        start, end = end, end + dtype.itemsize * math.prod(shape)
        header[name] = {"dtype": CODES[dtype], "shape": shape, "data_offsets": (start, end)}
    text = json.dumps(header).encode()
    return Written(text + b" " * (-len(text) % 8), tuple(name for name, _, _ in order))


@lru_cache(KEPT)
def _read(text: bytes, room: int) -> Header:
    header = parse(text.decode("utf-8"))
    metadata = header.pop(METADATA, {})
    if KEY not in metadata:
        return Header(tuple(_spans(header, room, {**DTYPES, **FOREIGN})), None)
    return Header(tuple(_spans(header, room, DTYPES)), metadata[KEY])


def _spans(
    header: Mapping[str, Any], room: int, dtypes: Mapping[str, np.dtype[Any]]
) -> Iterator[Span]:
    """Return each array; together they must cover all of the room, each byte once."""
    taken = [(0, 0), (room, room)]
    for name, entry in header.items():
        dtype = dtypes[entry["dtype"]]
        begin, end = map(_whole, entry["data_offsets"])
        shape = tuple(map(_whole, entry["shape"]))
        if end - begin != dtype.itemsize * math.prod(shape) or end > room:
            raise ValueError(f"'{name}' does not fit into its bytes")
        taken.append((begin, end))
        yield Span((name, dtype, shape), begin)
    taken.sort()
    if any(before[1] != after[0] for before, after in pairwise(taken)):
        raise ValueError("its arrays overlap or leave gaps")


def _whole(number: Any) -> int:
    if type(number) is not int or number < 0:  # a bool is not a number here
        raise TypeError(f"{number!r} where an integer of at least 0 should be")
    return number
