"""The safetensors form of a recording, read back by the format's own library."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy

from gradcmp.errors import RecordingError
from gradcmp.recording import BFLOAT16, Recording, from_bytes, pack, to_bytes, unpack

RNG = np.random.default_rng(1)
ARRAYS = {
    "empty": np.zeros((0, 3)),
    "scalar": np.asarray(2.5),
    "flags": np.array([True, False, True]),
    "big-endian": np.arange(4, dtype=">f8"),
    "transposed": RNG.standard_normal((2, 3)).T,
    "reversed": np.arange(5, dtype=np.int16)[::-1],
    "half": RNG.standard_normal(3).astype(np.float16),
    "single": RNG.standard_normal((4, 3)).astype(np.float32),
    "whole": np.arange(3),
}
BRAIN = {"brain": RNG.standard_normal(3).astype(BFLOAT16), "brain0": np.asarray(-0.0, BFLOAT16)}


def same(actual, expected):
    native = expected.dtype.newbyteorder("=")
    return (
        actual.shape == expected.shape
        and actual.dtype == native
        and np.array_equal(actual, expected)
        and np.array_equal(np.signbit(actual.astype(float)), np.signbit(expected.astype(float)))
    )


def test_arrays_and_facts_come_back():
    arrays, facts = unpack(pack({**ARRAYS, **BRAIN}, {"seed": 3, "name": "é"}))
    assert facts == {"seed": 3, "name": "é"}
    assert arrays.keys() == {*ARRAYS, *BRAIN}
    for name, array in {**ARRAYS, **BRAIN}.items():
        assert same(arrays[name], array), name


def test_the_library_reads_the_same():
    read = safetensors.numpy.load(pack(ARRAYS, {}))
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert same(read[name], array), name


def test_what_the_library_writes_is_no_recording():
    with pytest.raises(RecordingError, match="gradcmp did not write this"):
        unpack(safetensors.numpy.save({"x": np.ones(3)}))


def test_a_recording_comes_back():
    before = Recording("torch", "float32", ARRAYS, BRAIN, {"torch": "2"}, {"total": 0.5})
    after = from_bytes(to_bytes(before))
    assert (after.backend, after.dtype) == ("torch", "float32")
    assert (after.environment, after.timings) == ({"torch": "2"}, {"total": 0.5})
    assert after.tensors.keys() == before.tensors.keys()
    assert all(same(after.tensors[name], before.tensors[name]) for name in before.tensors)


def test_what_was_handed_and_the_twin_come_back():
    given = {"single": ARRAYS["big-endian"], "the cotangent": ARRAYS["scalar"]}
    twin = Recording("torch", "float64", {"y/1": ARRAYS["transposed"]}, {"y": np.ones(2)})
    before = Recording("torch", "float32", ARRAYS, BRAIN, given=given, twin=twin)
    after = from_bytes(to_bytes(before))
    assert after.given.keys() == given.keys()
    assert all(same(after.given[name], given[name]) for name in given)
    assert (after.twin.backend, after.twin.dtype) == ("torch", "float64")
    assert all(same(after.twin.tensors[name], twin.tensors[name]) for name in ("y/1", "d y"))
    assert after.tensors.keys() == before.tensors.keys()


@pytest.mark.parametrize("given", [None, {}])
def test_that_nothing_was_lost_is_told_from_that_nobody_looked(given):
    assert from_bytes(to_bytes(Recording("a", "float32", {}, BRAIN, given=given))).given == given


def test_the_first_schema_is_still_read():
    facts = {"backend": "a", "dtype": "float32", "environment": {}, "timings": {}}
    old = {"schema": "gradcmp/recording/1", **facts}
    recording = from_bytes(pack({"value/single": ARRAYS["single"]}, old))
    assert (recording.values.keys(), recording.given, recording.twin) == ({"single"}, None, None)
    with pytest.raises(RecordingError, match="neither a value nor a gradient"):
        from_bytes(pack({"twin/value/single": ARRAYS["single"]}, old))


@pytest.mark.parametrize("share", [0, 4, 8, 40, -1])
def test_a_truncated_one_is_an_error(share):
    blob = to_bytes(Recording("torch", "float32", ARRAYS, BRAIN))
    with pytest.raises(RecordingError, match="not a complete safetensors recording"):
        from_bytes(blob[:share])


def test_another_schema_is_an_error():
    with pytest.raises(RecordingError, match="its schema is 'future/9'"):
        from_bytes(pack(ARRAYS, {"schema": "future/9"}))


@pytest.mark.parametrize("sums", [None, frozenset(), frozenset(("scatter", "affine"))])
def test_what_is_added_up_in_bfloat16_itself_travels(sums):
    before = Recording("a", "bfloat16", {}, BRAIN, coarse_sums=sums)
    assert from_bytes(to_bytes(before)).coarse_sums == sums
