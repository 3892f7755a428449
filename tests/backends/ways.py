"""Every adapter in every mode, and cases worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from gradcmp.backends import Backend, Job
from gradcmp.case import DTYPES, DType, Expression
from gradcmp.graph.build import assemble
from gradcmp.ops import Array
from gradcmp.recording import Recording

# As the seed notebook prints it, and what it prints for node3.
X = np.array(
    [
        [0.43787304, 0.96557349, 1.0921883],
        [0.13662005, -0.38701585, 0.68148381],
        [-0.09396063, 1.12197495, -1.1509547],
        [0.90929498, -0.33493472, -0.35300799],
    ]
)


Z = np.arange(1.0, 13.0).reshape(4, 3)


SEED = {"node1": "X * Y", "node2": "node1 + Z", "node3": "sum(node2)"}


RNG = np.random.default_rng(7)


Y = RNG.standard_normal((4, 3))


UPSTREAM = RNG.standard_normal((4, 3))


# Seconds for each graph: they have tests of their own, in test_torch_compile.py.
SLOW = {("torch", "aot_eager_decomp_partition"), ("torch", "compile")}


@dataclass(frozen=True)
class Way:
    """One mode of one backend."""

    backend: Backend
    mode: str

    def __call__(
        self,
        body: Mapping[str, str],
        inputs: Mapping[str, Array],
        cotangent: Array | float,
        dtype: DType = "float64",
        whole: Iterable[str] = (),
    ) -> Recording:
        """Differentiate the last node of the body, in a dtype that the backend declares."""
        if dtype in DTYPES and dtype not in self.backend.dtypes:
            pytest.skip(f"{self.backend.name} does not compute in {dtype}")
        nodes = tuple((name, Expression(text)) for name, text in body.items())
        graph = assemble(tuple(inputs), nodes, list(body)[-1])
        label = f"{self.backend.name}:{self.mode}"
        return self.backend.record(
            Job(
                label,
                graph,
                inputs,
                np.asarray(cotangent),
                self.mode,
                dtype,
                None,
                frozenset(whole),
            )
        )
