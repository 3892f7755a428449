"""Bytes that are spoiled at random, and JSON in them that lies."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from gradcmp.workers.wire import SUFFIX

HOSTILE = (
    "null",
    "true",
    "-1",
    "0.5",
    "1e999",
    "NaN",
    "-Infinity",
    "9" * 400,
    "[]",
    "{}",
    '""',
    '"\\ud800"',
    '"\\u0000\\u001b[2J"',
    '"' + "x" * 5000 + '"',
    "[" * 3000 + "]" * 3000,
    '{"shape": [3], "dtype": "F64", "data_offsets": [0, 24]}',
    '"float64"',
    '"float16"',
    "[18446744073709551616, 0]",
)

Mutation = Callable[[random.Random, bytes], bytes]


def flip(rng: random.Random, blob: bytes) -> bytes:
    place = rng.randrange(len(blob))
    return blob[:place] + bytes([blob[place] ^ 1 << rng.randrange(8)]) + blob[place + 1 :]


def cut(rng: random.Random, blob: bytes) -> bytes:
    begin, end = sorted(rng.choices(range(len(blob) + 1), k=2))
    return blob[:begin] + blob[end:]


def repeat(rng: random.Random, blob: bytes) -> bytes:
    begin, end = sorted(rng.choices(range(len(blob) + 1), k=2))
    return blob[:end] + blob[begin:end] + blob[end:]


def insert(rng: random.Random, blob: bytes) -> bytes:
    place = rng.randrange(len(blob) + 1)
    return blob[:place] + rng.randbytes(rng.randrange(1, 40)) + blob[place:]


def noise(rng: random.Random, blob: bytes) -> bytes:
    return rng.randbytes(rng.randrange(200))


def lie(rng: random.Random, blob: bytes) -> bytes:
    """Put a hostile value into the JSON; into what is none any more, a bit."""
    try:
        return lie_in_json(rng, blob)
    except (ValueError, LookupError, TypeError, RecursionError, AttributeError):
        return flip(rng, blob)


def lie_in_json(rng: random.Random, blob: bytes) -> bytes:
    """Spoil a word, or a recording's header, facts or timings."""
    if blob[:1] == b"{":
        return spoiled(rng, json.loads(blob))
    length = int.from_bytes(blob[:8], "little")
    header, arrays = json.loads(blob[8 : 8 + length]), blob[8 + length :]
    if rng.random() < 0.4:  # the facts are JSON in the JSON
        meta = header["__metadata__"]
        meta["gradcmp"] = spoiled(rng, json.loads(meta["gradcmp"])).decode()
        text = json.dumps(header).encode()
    elif rng.random() < 0.2:
        end = len(arrays) - SUFFIX
        begin = end - int.from_bytes(arrays[end:], "little")
        timings = spoiled(rng, json.loads(arrays[begin:end]))
        arrays = arrays[:begin] + timings + len(timings).to_bytes(SUFFIX, "little")
        text = json.dumps(header).encode()
    else:
        text = spoiled(rng, header)
    return len(text).to_bytes(8, "little") + text + arrays


def spoiled(rng: random.Random, facts: Any) -> bytes:
    """Replace one value, one key, or leave one out."""
    places = list(leaves(facts))
    owner, key = rng.choice(places)
    kind = rng.randrange(4)
    if kind == 0:
        del owner[key]
    elif kind == 1 and isinstance(owner, dict):
        owner[rng.choice(["", "d X", "value/", "gradient/node1", "word"])] = owner.pop(key)
    else:
        owner[key] = "\0here"
    return json.dumps(facts).replace(json.dumps("\0here"), rng.choice(HOSTILE)).encode()


def leaves(facts: Any) -> Any:
    for key in facts if isinstance(facts, dict) else range(len(facts)):
        yield facts, key
        if isinstance(facts[key], dict | list):
            yield from leaves(facts[key])


MUTATIONS: tuple[Mutation, ...] = (flip, cut, repeat, insert, noise, lie, lie, lie, lie)
