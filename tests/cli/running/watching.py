"""Cases to watch."""

from __future__ import annotations

BACKENDS = "backends: [numpy, 'numpy,dtype=float32']\n"


CASE = "inputs: {X: normal:4x3}\ngraph: {out: sum(exp(X))}\n" + BACKENDS
