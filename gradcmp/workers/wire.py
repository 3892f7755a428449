"""What travels between parent and worker: safetensors and JSON, never pickle."""

from __future__ import annotations

from gradcmp.backends import Job
from gradcmp.case import Expression
from gradcmp.graph.build import assemble
from gradcmp.recording import pack, unpack
from gradcmp.workers.records import Request

COTANGENT = "cotangent"
INPUT = "input/"


def request_to_bytes(request: Request) -> bytes:
    """Give a request as one safetensors blob."""
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


def job_from_bytes(blob: bytes) -> Job:
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
