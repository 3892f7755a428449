"""What travels between parent and worker: safetensors and JSON, never pickle."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from gradcmp.backends import Job
from gradcmp.case import Expression
from gradcmp.errors import RecordingError
from gradcmp.graph import infer
from gradcmp.graph.build import assemble
from gradcmp.graph.walk import spec_of
from gradcmp.recording import Recording, from_bytes, pack, to_bytes, unpack
from gradcmp.recording.blob import Buffer
from gradcmp.recording.facts import BROKEN, is_seconds, parse, take_map
from gradcmp.workers.records import Request

COTANGENT = "cotangent"
INPUT = "input/"
SUFFIX = 4  # bytes that hold the length of the timings
SLACK = 1 << 24  # bytes: names, facts, and small arrays of whatever shape
SHOWN = 60  # characters of a wrong name that are quoted
PER_ELEMENT = 32  # bytes: value and gradient, in float64, and twice that where a shape is wrong


def request_to_bytes(request: Request) -> bytes:
    """Return a request as one safetensors blob."""
    arrays = {INPUT + name: array for name, array in request.inputs.items()}
    meta = {
        "label": request.label,
        "mode": request.spec.mode,
        "dtype": request.spec.dtype,
        "inputs": list(request.inputs),
        "body": request.body,
        "output": request.output,
    }
    return pack({**arrays, COTANGENT: request.cotangent}, meta)


def job_from_bytes(blob: Buffer) -> Job:
    """Read a blob of `request_to_bytes`; the same graph text gives the same graph object.

    Raises
    ------
    RecordingError
        When the blob is truncated.
    GraphError
        When the graph cannot be read.
    """
    arrays, meta = unpack(blob)
    names = tuple(meta["inputs"])
    body = tuple((name, Expression(text)) for name, text in meta["body"])
    return Job(
        meta["label"],
        assemble(names, body, meta["output"]),
        {name: arrays[INPUT + name] for name in names},
        arrays[COTANGENT],
        meta["mode"],
        meta["dtype"],
    )


def answer_to_bytes(recording: Recording) -> bytes:
    """Return a recording as one frame: its blob without timings, the timings, their length.

    They alone are new in every answer to the same question: without them its header is the text
    that both sides have written and read before.
    """
    timings = json.dumps({"timings": dict(recording.timings)}).encode()
    tail = timings + len(timings).to_bytes(SUFFIX, "little")
    return to_bytes(replace(recording, timings={}), tail)


def room_for(request: Request) -> int:
    """Return how many bytes an answer may take, wrong dtypes and shapes included."""
    body = tuple((name, Expression(text)) for name, text in request.body)
    graph = assemble(tuple(request.inputs), body, request.output)
    specs = infer(graph, {name: spec_of(array) for name, array in request.inputs.items()})
    return SLACK + PER_ELEMENT * sum(math.prod(spec.shape) for spec in specs.values())


def answer_from_bytes(frame: Buffer, label: str) -> Recording:
    """Read a frame of `answer_to_bytes`; the arrays are views into it.

    Parameters
    ----------
    label : str
        Of the request.

    Raises
    ------
    RecordingError
        When the frame is truncated, its recording contradicts itself, or was not asked for.
    """
    end = len(frame) - SUFFIX
    start = end - int.from_bytes(frame[-SUFFIX:], "little")
    if start < 0:
        raise RecordingError(f"timings that begin {-start} bytes before their frame")
    try:
        facts = parse(bytes(frame[start:end]).decode())
    except BROKEN as error:
        raise RecordingError(f"its timings are broken ({error})") from None
    recording = from_bytes(memoryview(frame)[:start])
    if recording.backend != label:
        raise RecordingError(f"a recording of {recording.backend[:SHOWN]!r}")
    if recording.origin or recording.given is not None or recording.twin:
        raise RecordingError("a recording of more than it was asked for")
    return replace(recording, timings=take_map(facts, "timings", is_seconds))
