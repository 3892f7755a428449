"""The reference: NumPy, with the chain rule by hand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from gradcmp.backends.base import Backend
from gradcmp.backends.job import Computed, Signature, conjugated
from gradcmp.derivatives import Asked
from gradcmp.dtypes import COMPLEX, DTYPES, DType
from gradcmp.graph import backward, forward
from gradcmp.graph.stepped import derived
from gradcmp.graph.walk import constants_of
from gradcmp.ops import Array, Op
from gradcmp.parts.meant import over_complex
from gradcmp.recording import numpy_dtype


class NumpyBackend(Backend):
    """Hand-written pullbacks that the graph walks in reverse; no autodiff underneath."""

    name = "numpy"
    module = "numpy"
    package = "numpy"
    requirement = "gradcmp"
    modes = ("manual",)
    dtypes: ClassVar[tuple[DType, ...]] = (*DTYPES, *COMPLEX)

    def __init__(self, device: str) -> None:
        self.device = self.choose_device(device)

    @classmethod
    def computes(cls, op: Op) -> bool:
        """Every op has a reference."""
        return True

    def devices(self) -> tuple[str, ...]:
        """NumPy computes on the CPU."""
        return ("cpu",)

    def environment(self) -> Mapping[str, str]:
        """Return NumPy's version and the library that multiplies its matrices."""
        blas = np.show_config(mode="dicts")["Build Dependencies"].get("blas", {})
        library = f"{blas.get('name', 'none')} {blas.get('version', '')}".strip()
        return {"numpy": np.__version__, "blas": library}

    def compute(
        self, signature: Signature, inputs: Mapping[str, Array], cotangent: Array
    ) -> Computed:
        """Compute forward, then the chain rule node by node backwards.

        Pullbacks are transposes: of complex numbers what goes in and what comes out is conjugated.
        """
        graph = signature.graph
        if signature.dtype in COMPLEX:
            graph = over_complex(graph, signature.specs)
        start = time.perf_counter()
        with np.errstate(all="ignore"):  # infinities are findings for the judge, not warnings
            tape = forward(graph, inputs, constants_of(numpy_dtype(signature.dtype)))
            middle = time.perf_counter()
            slopes = backward(graph, tape, conjugated(cotangent))
            gradients = {name: conjugated(dx) for name, dx in slopes.items()}
        end = time.perf_counter()
        return Computed(
            tape.values, gradients, {"forward": middle - start, "backward": end - middle}
        )

    def derive(
        self, signature: Signature, asked: Asked, inputs: Mapping[str, Array], cotangent: Array
    ) -> Mapping[str, Array]:
        """Run the value or the pullbacks on complex numbers, or on unit cotangents."""
        return derived(signature.graph, inputs, cotangent, asked, signature.dtype)
