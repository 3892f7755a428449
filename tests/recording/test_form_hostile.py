"""Truncated, foreign and hostile files: a RecordingError, whatever is in them."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from gradcmp.errors import RecordingError
from gradcmp.recording import from_bytes, pack, to_bytes, unpack
from gradcmp.recording.files import read
from gradcmp.recording.seal import SEAL, seal

FACTS = {
    "schema": "gradcmp/recording/2",
    "backend": "torch",
    "dtype": "float32",
    "environment": {},
    "timings": {},
}
META = {"gradcmp": json.dumps({"bfloat16": []})}
FOUR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def entry(**changed):
    return {"__metadata__": META, "value/x": {**FOUR, **changed}}


HEADERS = {
    "not JSON": b"{,}",
    "not UTF-8": b'{"\xff": 1}',
    "half a surrogate pair": rb'{"\ud800": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
    "a list": [],
    "a number": 3,
    "nested": b"[" * 200_000,
    "null for an array": {"__metadata__": META, "value/x": None},
    "no shape": {"__metadata__": META, "value/x": {"dtype": "F32", "data_offsets": [0, 4]}},
    "unknown dtype": entry(dtype="F4"),
    "a list for a dtype": entry(dtype=["F32"]),
    "negative length": entry(shape=[-1]),
    "two negative lengths": entry(shape=[-1, -1]),
    "NaN in a shape": b'{"x": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 4]}}',
    "a fraction in a shape": entry(shape=[1.0]),
    "a truth value in a shape": entry(shape=[True]),
    "huge": entry(shape=[2**62, 2**62]),
    "nothing, but huge": entry(shape=[0, 2**70], data_offsets=[0, 0]),
    "many axes": entry(shape=[1] * 65),
    "a shape of text": entry(shape="1"),
    "beyond the end": entry(shape=[2], data_offsets=[0, 8]),
    "before the beginning": entry(data_offsets=[-4, 0]),
    "backwards": entry(data_offsets=[4, 0]),
    "a gap": entry(shape=[0], data_offsets=[0, 0]),
    "three offsets": entry(data_offsets=[0, 4, 4]),
    "offsets of text": entry(data_offsets=["0", "4"]),
    "overlap": {"__metadata__": META, "value/x": FOUR, "value/y": FOUR},
    "metadata of the wrong kind": {"__metadata__": 3, "value/x": FOUR},
    "facts that are no JSON": {"__metadata__": {"gradcmp": "{"}, "value/x": FOUR},
    "facts that are a list": {"__metadata__": {"gradcmp": "[]"}, "value/x": FOUR},
    "facts of the wrong kind": {"__metadata__": {"gradcmp": {}}, "value/x": FOUR},
    "bfloat16 of nothing": {"__metadata__": {"gradcmp": '{"bfloat16": ["y"]}'}, "value/x": FOUR},
    "bfloat16 in float32": {
        "__metadata__": {"gradcmp": '{"bfloat16": ["value/x"]}'},
        "value/x": FOUR,
    },
    "no word of bfloat16": {"__metadata__": {"gradcmp": "{}"}, "value/x": FOUR},
    "no metadata": {"value/x": FOUR},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=list(HEADERS))
def test_a_hostile_header_is_refused(header, blob_of):
    with pytest.raises(RecordingError):
        unpack(blob_of(header, b"\0\0\0\0"))


def test_the_header_above_unspoiled_is_read(blob_of):
    arrays, _ = unpack(blob_of(entry(), b"\0\0\0\0"))
    assert arrays["value/x"].tolist() == [0.0]


@pytest.mark.parametrize("length", [0, 1, 12, 2**31, 2**63, 2**64 - 1])
def test_a_bogus_header_length_is_refused(length):
    with pytest.raises(RecordingError):
        unpack(length.to_bytes(8, "little") + b'{"a": 1}   ')


WRONG_FACTS = {
    "schema": ("gradcmp/recording/999", 3, None, ["gradcmp/recording/2"]),
    "backend": (3, None, ["torch"]),
    "dtype": ("complex64", 3, None),
    "environment": ([], {"torch": 2}, None),
    "timings": ({"total": "long"}, {"total": True}, None),
    "given": ({}, None, ["x"], [["x"]]),
    "coarse_sums": ({}, None, "affine", [1], [["affine"]], [None]),
}


@pytest.mark.parametrize(
    ("key", "fact"), [(key, fact) for key, facts in WRONG_FACTS.items() for fact in facts]
)
def test_facts_of_the_wrong_kind_are_refused(key, fact):
    with pytest.raises(RecordingError):
        from_bytes(pack({"value/x": np.ones(2)}, {**FACTS, key: fact}))


@pytest.mark.parametrize("key", ["x", "value/", "other/x", ""])
def test_an_array_that_is_neither_value_nor_gradient_is_refused(key):
    with pytest.raises(RecordingError, match="neither a value nor a gradient"):
        from_bytes(pack({key: np.ones(2)}, FACTS))


WRONG_ORIGINS = {
    "name": 3,
    "inputs": {"X": {"kind": "normal", "shape": [float("inf"), 3]}},
    "graph": {"Y": 3},
    "output": "Z",
    "wrt": ["nothing"],
    "cotangent": "zeros",
    "seed": 1.5,
    "dtype": "int8",
    "hashes": {},
    "recorder": [],
}


@pytest.mark.parametrize("wrt", [[["X"]], [{"X": 1}], [1], [None], "X", {"X": 1}])
def test_wrt_is_a_list_of_names(make, wrt):
    arrays, facts = unpack(to_bytes(make()))
    facts["origin"]["wrt"] = wrt
    with pytest.raises(RecordingError, match="'wrt'"):
        from_bytes(pack(arrays, {**facts, SEAL: seal(arrays, facts)}))


@pytest.mark.parametrize("key", WRONG_ORIGINS)
@pytest.mark.parametrize("missing", [False, True])
def test_an_origin_that_contradicts_itself_is_refused(make, key, missing):
    arrays, facts = unpack(to_bytes(make()))
    assert from_bytes(pack(arrays, facts)).origin == make().origin
    if missing:
        del facts["origin"][key]
    else:
        facts["origin"][key] = WRONG_ORIGINS[key]
    with pytest.raises(RecordingError, match=r"metadata|hashes|Infinity"):
        from_bytes(pack(arrays, {**facts, SEAL: seal(arrays, facts)}))


def test_a_recording_cut_anywhere_is_refused(recording):
    blob = to_bytes(recording)
    for length in range(len(blob)):
        with pytest.raises(RecordingError):
            from_bytes(blob[:length])
    with pytest.raises(RecordingError):
        from_bytes(blob + b"\0")


@pytest.mark.parametrize("mask", [0x01, 0x10, 0x80, 0xFF])
def test_a_flipped_byte_gives_a_recording_or_a_recording_error(make, mask):
    """And what the format's own library refuses is refused here."""
    blob = to_bytes(make())
    refused = 0
    for place in range(len(blob)):
        spoiled = blob[:place] + bytes([blob[place] ^ mask]) + blob[place + 1 :]
        try:
            from_bytes(spoiled)
        except RecordingError:
            refused += 1
        else:
            safetensors.deserialize(spoiled)
    assert refused > 100


def test_what_is_no_file_is_refused(tmp_path):
    empty = tmp_path / "empty.safetensors"
    empty.touch()
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "absent", "does not exist"),
        (tmp_path, "is not a regular file"),
        (tmp_path / "pipe", "is not a regular file"),
        (empty, "it is empty"),
    ):
        with pytest.raises(RecordingError, match=words):
            read(path)


def test_somebody_elses_safetensors_file_is_no_recording(tmp_path):
    file = tmp_path / "model.safetensors"
    safetensors.numpy.save_file({"weight": np.ones(3)}, file)
    assert read(file).origin is None
    with pytest.raises(RecordingError, match="gradcmp did not write this"):
        from_bytes(file.read_bytes())


def test_a_recording_without_arrays_is_refused(tmp_path):
    file = tmp_path / "nothing.safetensors"
    file.write_bytes(pack({}, FACTS))
    with pytest.raises(RecordingError, match="contains no array"):
        read(file)
