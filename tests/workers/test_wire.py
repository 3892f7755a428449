"""Frames between parent and worker: whole, or an error."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from gradcmp.errors import RecordingError
from gradcmp.recording import Recording
from gradcmp.workers.wire import (
    SUFFIX,
    answer_from_bytes,
    answer_to_bytes,
    job_from_bytes,
    request_to_bytes,
)

RNG = np.random.default_rng(8)
RECORDING = Recording(
    "torch",
    "float32",
    {"x": RNG.standard_normal((4, 3)).astype(np.float32)},
    {"x": RNG.standard_normal((4, 3)).astype(np.float32)},
    {"torch": "2"},
    {"import": 1.5, "total": 0.25},
)


def test_an_answer_comes_back():
    found = answer_from_bytes(answer_to_bytes(RECORDING), "torch")
    assert (found.backend, found.dtype) == ("torch", "float32")
    assert (found.environment, found.timings) == (RECORDING.environment, RECORDING.timings)
    assert found.tensors.keys() == RECORDING.tensors.keys()
    for name, array in RECORDING.tensors.items():
        assert found.tensors[name].dtype == array.dtype
        assert np.array_equal(found.tensors[name], array)


def test_only_what_is_new_in_an_answer_differs_from_the_one_before():
    """Else its header would be written and parsed again each time."""
    first = answer_to_bytes(RECORDING)
    second = answer_to_bytes(replace(RECORDING, timings={"import": 1.5, "total": 0.125}))
    length = 8 + int.from_bytes(first[:8], "little")
    assert first[:length] == second[:length]
    assert answer_from_bytes(first, "torch").timings["total"] == 0.25
    assert answer_from_bytes(second, "torch").timings["total"] == 0.125


def test_the_arrays_of_an_answer_are_copied_once():
    large = replace(RECORDING, values={"x": np.ones(1 << 20)})
    tracemalloc.start()
    try:
        frame = answer_to_bytes(large)
        answer_from_bytes(frame, "torch")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(frame) < peak < 1.1 * len(frame)


def test_an_answer_cut_anywhere_is_refused():
    frame = answer_to_bytes(RECORDING)
    for length in range(len(frame)):
        with pytest.raises(RecordingError):
            answer_from_bytes(frame[:length], "torch")
    for longer in (frame + b"\0", b"\0" + frame):
        with pytest.raises(RecordingError):
            answer_from_bytes(longer, "torch")


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_a_flipped_byte_gives_a_recording_or_a_recording_error(mask):
    frame = answer_to_bytes(RECORDING)
    refused = 0
    for place in range(len(frame)):
        spoiled = frame[:place] + bytes([frame[place] ^ mask]) + frame[place + 1 :]
        try:
            answer_from_bytes(spoiled, "torch")
        except RecordingError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    "timings",
    [
        b"",
        b"{}",
        b"[]",
        b"{",
        b"\xff",
        b'{"timings": []}',
        b'{"timings": {"total": "long"}}',
        b'{"timings": {"total": true}}',
        b'{"timings": {"total": NaN}}',
    ],
)
def test_timings_of_the_wrong_kind_are_refused(timings):
    frame = answer_to_bytes(RECORDING)
    end = len(frame) - SUFFIX
    start = end - int.from_bytes(frame[end:], "little")
    assert answer_from_bytes(frame[:start] + frame[start:end] + frame[end:], "torch").timings
    with pytest.raises(RecordingError):
        answer_from_bytes(
            frame[:start] + timings + len(timings).to_bytes(SUFFIX, "little"), "torch"
        )


def test_the_same_text_gives_the_same_graph_and_another_text_another(ask):
    def graph(body):
        return job_from_bytes(request_to_bytes(replace(ask(), body=body))).graph

    product = graph((("out", "X * Y"),))
    assert graph((("out", "X * Y"),)) is product  # compiled functions are kept by it
    assert graph((("out", "X + Y"),)) != product
    assert graph((("out", "X * Y"),)) is product
