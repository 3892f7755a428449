"""Recordings of any arrays come back bit by bit; spoiled ones are an error that says so."""

from __future__ import annotations

import io

import ml_dtypes
import numpy as np
import pytest
import safetensors
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gradcmp.case import DTYPES
from gradcmp.errors import RecordingError
from gradcmp.recording import Recording, from_bytes, to_bytes
from gradcmp.recording.files import read, write

NUMBERS = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "bool"]
ORDERS = st.sampled_from("<>")
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def arrays(draw):
    """Return an array of any dtype, byte order, shape and bits, perhaps seen backwards."""
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    if draw(st.integers(0, 4)) == 0:
        bits = draw(npst.arrays(np.uint16, shape))
        return bits.view(ml_dtypes.bfloat16)
    array = draw(npst.arrays(np.dtype(draw(ORDERS) + draw(st.sampled_from(NUMBERS[:-1]))), shape))
    if draw(st.booleans()):
        array = array > 0
    return array.T if draw(st.booleans()) else array[..., ::-1] if array.ndim else array


recordings = st.builds(
    Recording,
    backend=texts,
    dtype=st.sampled_from(DTYPES),
    values=st.dictionaries(names, arrays(), min_size=1, max_size=3),
    gradients=st.dictionaries(names, arrays(), max_size=3),
    environment=st.dictionaries(texts, texts, max_size=2),
    timings=st.dictionaries(texts, st.floats(0, 1e6), max_size=2),
    given=st.none() | st.dictionaries(names, arrays(), max_size=2),
)


def bits(array):
    """Return all that makes an array what it is, whatever its byte order and strides."""
    native = array.astype(array.dtype.newbyteorder("="))
    return array.shape, native.dtype.name, native.tobytes()


def all_bits(recording):
    arrays = recording.tensors | dict(recording.given or {})
    return {name: bits(array) for name, array in arrays.items()}


@given(recordings)
def test_a_recording_comes_back(before):
    after = from_bytes(to_bytes(before))
    assert all_bits(after) == all_bits(before)
    assert list(after.values) == list(before.values)
    for fact in ("backend", "dtype", "environment", "timings"):
        assert getattr(after, fact) == getattr(before, fact)
    assert (after.given is None) == (before.given is None)


@st.composite
def spoiled(draw, wholes):
    """Return a file of which some bytes are others, are gone or come twice."""
    blob = draw(wholes)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(blob)))
        put = draw(st.binary(max_size=4) | st.sampled_from([b"\0" * 8, b"\xff" * 8, blob[:9]]))
        blob = blob[:place] + put + blob[place + draw(st.integers(0, 12)) :]
    return blob


@given(spoiled(recordings.map(to_bytes)) | st.binary(max_size=300))
@example(b"")
def test_spoiled_bytes_give_a_recording_or_a_recording_error(blob):
    """And what the format's own library refuses is refused here."""
    try:
        found = from_bytes(blob)
    except RecordingError as error:
        assert "\n" not in str(error)
    else:
        assert found.tensors.keys() >= found.values.keys()
        safetensors.deserialize(blob)


@given(st.binary(max_size=300))
def test_random_bytes_are_no_recording(blob):
    with pytest.raises(RecordingError):
        from_bytes(blob)


def saved(arrays, save):
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


ours = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9]{0,4}", fullmatch=True).filter(lambda name: name != "file"),
    npst.arrays(np.float64, npst.array_shapes(min_dims=0, max_dims=2, max_side=3)),
    min_size=1,
    max_size=2,
)
archives = st.builds(saved, ours, st.sampled_from([np.savez, np.savez_compressed]))
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@in_one_folder
@given(spoiled(archives) | st.binary(max_size=200))
def test_a_spoiled_archive_is_read_or_refused(tmp_path, blob):
    file = tmp_path / "x.npz"
    file.write_bytes(blob)
    try:
        found = read(file)
    except RecordingError as error:
        assert str(file) in str(error)
    else:
        assert found.values


@in_one_folder
@given(recordings)
def test_a_recording_comes_back_from_its_file(tmp_path, before):
    write(tmp_path / "a.safetensors", before)
    assert all_bits(read(tmp_path / "a.safetensors")) == all_bits(before)


@pytest.mark.parametrize("place", [0, 1])
def test_one_other_bit_would_be_noticed(place):
    before = Recording("a", "float32", {"x": np.float32([1, 2])}, {})
    x = before.values["x"].copy()
    x.view(np.uint32)[place] ^= 1
    assert all_bits(before) != all_bits(Recording("a", "float32", {"x": x}, {}))
