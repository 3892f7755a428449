"""A header that is remembered: what changes beside it, or in it, is never answered from before."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy

from gradcmp.errors import RecordingError
from gradcmp.recording import BFLOAT16, header, pack, unpack

FACTS = {"seed": 3}
X = np.arange(12.0).reshape(4, 3)
ARRAYS = {"x": X, "y": X.astype(np.float32), "n": np.arange(4)}


@pytest.fixture(autouse=True)
def remembered():
    """Forget what other tests left, and remember the blob that the changed ones come after."""
    header._read.cache_clear()
    header._write.cache_clear()
    unpack(pack(ARRAYS, FACTS))


def hits():
    return [each.cache_info().hits for each in (header._write, header._read)]


def same(actual, expected):
    return (
        list(actual) == list(expected)
        and all(actual[name].dtype == expected[name].dtype for name in expected)
        and all(np.array_equal(actual[name], expected[name]) for name in expected)
    )


def test_other_numbers_under_the_same_header_are_the_other_numbers():
    other = {name: -array for name, array in ARRAYS.items()}
    arrays, _ = unpack(pack(other, FACTS))
    assert hits() == [1, 1]
    assert same(arrays, other)


CHANGED = {
    "dtype": {**ARRAYS, "x": X.astype(np.float32)},
    "a dtype of the same size": {**ARRAYS, "x": X.astype(np.int64)},
    "bfloat16 for uint16": {**ARRAYS, "n": np.arange(4, dtype=BFLOAT16)},
    "shape": {**ARRAYS, "x": X.reshape(3, 4)},
    "a shape of as many axes": {**ARRAYS, "x": X.reshape(2, 6)},
    "name": {"z": X, **{name: ARRAYS[name] for name in "yn"}},
    "order": {name: ARRAYS[name] for name in "nyx"},
    "one more": {**ARRAYS, "z": X},
    "one less": {"x": X},
    "byte order": {**ARRAYS, "x": X.astype(">f8")},
    "layout": {**ARRAYS, "x": np.asfortranarray(X)},
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=list(CHANGED))
def test_a_changed_array_is_read_as_it_is(changed):
    for _ in range(2):
        blob = pack(changed, FACTS)
        arrays, _ = unpack(blob)
        expected = {name: a.astype(a.dtype.newbyteorder("=")) for name, a in changed.items()}
        assert same(arrays, expected)
        library = safetensors.numpy.load(blob)
        plain = {n: a.view(np.uint16) if a.dtype == BFLOAT16 else a for n, a in expected.items()}
        assert all(np.array_equal(library[name], array) for name, array in plain.items())


def test_uint16_is_not_read_as_the_bfloat16_of_before():
    bits = np.arange(4, dtype=np.uint16)
    for array in (bits, bits.view(BFLOAT16), bits):
        arrays, _ = unpack(pack({"x": array}, FACTS))
        assert same(arrays, {"x": array})


def test_other_facts_are_the_other_facts():
    assert unpack(pack(ARRAYS, {"seed": 4}))[1] == {"seed": 4}


def test_facts_and_arrays_belong_to_whoever_asked():
    blob = pack(ARRAYS, {"environment": {"threads": "2"}})
    arrays, facts = unpack(blob)
    facts["environment"]["threads"] = "3"
    del arrays["x"]
    arrays, facts = unpack(blob)
    assert facts == {"environment": {"threads": "2"}}
    assert same(arrays, ARRAYS)


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b[:-8]])
def test_a_header_that_was_right_before_is_refused_for_other_bytes(spoil):
    blob = pack(ARRAYS, FACTS)
    for _ in range(2):
        with pytest.raises(RecordingError, match="not a complete safetensors recording"):
            unpack(spoil(blob))
    assert same(unpack(blob)[0], ARRAYS)


def test_a_header_that_was_refused_is_refused_again(blob_of):
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    blob = blob_of({"__metadata__": {"gradcmp": '{"bfloat16": ["x"]}'}, "x": entry}, b"\0" * 4)
    for _ in range(2):
        with pytest.raises(RecordingError):
            unpack(blob)


@pytest.mark.parametrize(
    ("arrays", "facts"),
    [
        (ARRAYS, {"text": "x" * header.LONG}),
        ({f"{'x' * 1000}{i}": X for i in range(header.LONG // 1000 + 1)}, FACTS),
    ],
)
def test_what_is_long_is_not_remembered(arrays, facts):
    before = [each.cache_info() for each in (header._write, header._read)]
    for _ in range(2):
        found, read = unpack(pack(arrays, facts))
        assert same(found, arrays)
        assert read == facts
    assert [each.cache_info() for each in (header._write, header._read)] == before
