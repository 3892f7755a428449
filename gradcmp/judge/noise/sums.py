"""Which sums a library adds up in bfloat16 itself, where most go through float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

# sum: in a forward pass; backward: of cotangents; bare: of windows, or in an einsum, with nothing
# said of how to accumulate; running: cumulative; scatter: into places; affine: in the gradient of a
# layer_norm's weight and bias; product: of matrices; convolved: a product in the gradient of a
# convolution.
Sum: TypeAlias = Literal[
    "sum", "backward", "bare", "running", "scatter", "affine", "product", "convolved"
]
ANY: frozenset[Sum] = frozenset(("backward", "bare", "running", "scatter", "affine", "convolved"))

# As measured on the CPU: docs/design/half_precision.md. Of what is not here ANY is expected.
MEASURED: Mapping[str, frozenset[Sum]] = {
    "torch:eager": frozenset(("scatter", "affine")),
    "tensorflow:eager": frozenset(("running", "scatter", "convolved")),
}
FIRST_MODE = "eager"  # of both


def coarse_sums(label: str) -> frozenset[Sum]:
    """Return the sums that a backend, by its label, may add up in the dtype.

    Nothing was measured on other devices: ``torch:eager,device=cuda``.
    """
    name, *options = label.split(",")
    if any(option.startswith("device=") for option in options):
        return ANY
    return MEASURED.get(name if ":" in name else f"{name}:{FIRST_MODE}", ANY)
