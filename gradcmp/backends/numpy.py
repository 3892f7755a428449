"""The reference: NumPy, with the chain rule by hand."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from gradcmp.backends.base import Backend, Job
from gradcmp.graph import backward, forward
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.recording import Recording, numpy_dtype


class NumpyBackend(Backend):
    """Hand-written pullbacks that the graph walks in reverse; no autodiff underneath."""

    name = "numpy"
    package = "numpy"
    modes = ("manual",)

    def __init__(self, device: str) -> None:
        self.device = device

    def devices(self) -> tuple[str, ...]:
        """NumPy computes on the CPU."""
        return ("cpu",)

    def environment(self) -> Mapping[str, str]:
        """Give NumPy's version."""
        return {"numpy": np.__version__}

    def record(self, job: Job) -> Recording:
        """Compute forward, then the chain rule node by node backwards."""
        dtype = numpy_dtype(job.dtype)
        inputs = {
            name: array.astype(dtype) if spec_of(array).kind == "float" else array
            for name, array in job.inputs.items()
        }
        start = time.perf_counter()
        with np.errstate(all="ignore"):  # infinities are findings for the judge, not warnings
            tape = forward(job.graph, inputs, constants_of(dtype))
            middle = time.perf_counter()
            gradients = backward(job.graph, tape, np.asarray(job.cotangent, dtype))
        end = time.perf_counter()
        return Recording(
            job.label,
            job.dtype,
            tape.values,
            gradients,
            self.environment(),
            {"forward": middle - start, "backward": end - middle},
        )
