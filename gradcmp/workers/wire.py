"""What travels between parent and worker: safetensors and JSON, never pickle."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from gradcmp import machine
from gradcmp.backends import Backend, Job
from gradcmp.case import Expression
from gradcmp.derivatives import MOST, Asked
from gradcmp.errors import RecordingError
from gradcmp.graph import infer
from gradcmp.graph.build import assemble
from gradcmp.graph.walk import spec_of
from gradcmp.ops import ArraySpec
from gradcmp.recording import Recording, from_bytes, pack, to_bytes, unpack
from gradcmp.recording.blob import Buffer
from gradcmp.recording.facts import BROKEN, is_seconds, parse, take_map
from gradcmp.workers.records import AnyRequest, CodeRequest

if TYPE_CHECKING:
    from gradcmp.native.answers import Answer

COTANGENT = "cotangent"
INPUT = "input/"
TANGENT = "tangent/"
SLOPE = "slope/"
SUFFIX = 4  # bytes that hold the length of the timings
SLACK = 1 << 24  # bytes: names, facts, and small arrays of whatever shape
SHOWN = 60  # characters of a wrong name that are quoted
PER_ELEMENT = 32  # bytes: value and gradient, in float64, and twice that where a shape is wrong


def request_to_bytes(request: AnyRequest) -> bytes:
    """Return a request as one safetensors blob."""
    if isinstance(request, CodeRequest):
        asked = {
            "source": request.code.source,
            "parameters": request.code.parameters,
            "handed": request.handed,
            "taps": request.code.taps,
            "way": dict(request.way),
            "wrt": request.wrt,
            "cotangents": dict(request.cotangents),
            "device": request.spec.device,
            "mode": request.spec.mode,
            "autocast": request.code.autocast,
            "inputs": list(request.inputs),
            "stamps": dict(request.stamps),
            "held": list(request.slopes),
        }
        given = {INPUT + name: array for name, array in request.inputs.items()}
        given |= {SLOPE + name: array for name, array in request.slopes.items()}
        return pack(given, asked)
    arrays = {INPUT + name: array for name, array in request.inputs.items()}
    beyond = request.asked
    arrays |= {TANGENT + name: v for name, v in beyond.tangents.items()} if beyond else {}
    meta = {
        "label": request.label,
        "mode": request.spec.mode,
        "dtype": request.spec.dtype,
        "inputs": list(request.inputs),
        "body": request.body,
        "output": request.output,
        "derivative": beyond.derivative if beyond else "gradient",
        "wrt": list(beyond.wrt) if beyond else [],
        "whole": list(request.whole),
    }
    return pack({**arrays, COTANGENT: request.cotangent}, meta)


def answer_to(backend: Backend, blob: Buffer, seconds: float) -> bytes:
    """Do what a blob of `request_to_bytes` asks for, and return the answer as a frame.

    Parameters
    ----------
    seconds : float
        How long the framework took to load, which a recording tells.

    Raises
    ------
    GradcmpError
        When it cannot be done. What the framework or the user's code raises comes as it is.
    """
    arrays, meta = unpack(blob)
    if "source" in meta:
        from gradcmp.native.work import work

        inputs = {name: arrays[INPUT + name] for name in meta["inputs"]}
        return work(
            backend.name, inputs, {name: arrays[SLOPE + name] for name in meta["held"]}, meta
        )
    recording = backend.record(job_from_bytes(blob))
    timings = {"import": seconds, **recording.timings}
    return answer_to_bytes(replace(recording, timings=timings))


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
    tangents = {name: arrays[TANGENT + name] for name in meta["wrt"]}
    return Job(
        meta["label"],
        assemble(names, body, meta["output"]),
        {name: arrays[INPUT + name] for name in names},
        arrays[COTANGENT],
        meta["mode"],
        meta["dtype"],
        Asked(meta["derivative"], tangents) if tangents else None,
        frozenset(meta["whole"]),
    )


def answer_to_bytes(recording: Recording) -> bytes:
    """Return a recording as one frame: its blob without timings, the timings, their length.

    They alone are new in every answer to the same question: without them its header is the text
    that both sides have written and read before.
    """
    timings = json.dumps({"timings": dict(recording.timings)}).encode()
    tail = timings + len(timings).to_bytes(SUFFIX, "little")
    return to_bytes(replace(recording, timings={}), tail)


def room_for(request: AnyRequest) -> int:
    """Return how many bytes an answer may take, wrong dtypes and shapes included.

    What a function of the user returns is not known: it may take half of the memory that there is.
    """
    if isinstance(request, CodeRequest):
        return max(SLACK, (machine.memory() or 1 << 32) // 2)
    body = tuple((name, Expression(text)) for name, text in request.body)
    graph = assemble(tuple(request.inputs), body, request.output)
    given = {name: spec_of(array) for name, array in request.inputs.items()}
    whole = {name: ArraySpec(given[name].shape[:-1], "complex") for name in request.whole}
    specs = infer(graph, given | whole)
    derived = MOST if request.asked else 0
    elements = sum(math.prod(s.shape) for s in specs.values()) * (2 if request.whole else 1)
    return SLACK + PER_ELEMENT * (derived + elements)


def read_answer(frame: Buffer, request: AnyRequest) -> Recording | Answer:
    """Read what a worker has answered to a request.

    Raises
    ------
    RecordingError
        When it is no answer to it.
    """
    if isinstance(request, CodeRequest):
        from gradcmp.native.answers import answer_from_bytes as runs_from_bytes

        return runs_from_bytes(frame)
    return answer_from_bytes(frame, request.label)


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
