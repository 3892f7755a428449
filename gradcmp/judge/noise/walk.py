"""The reference, forward and backward, on arrays that carry replicas."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np

from gradcmp.graph import Graph, backward, forward
from gradcmp.graph.walk import MakeConstant, spec_of
from gradcmp.judge.noise.model import NoiseModel, NoisyArray
from gradcmp.ops import Array
from gradcmp.ops.spec import Kind


def walk(
    graph: Graph,
    inputs: Mapping[str, Array],
    cotangent: Array,
    model: NoiseModel,
    names: Collection[str],
    enter: Callable[[Array], Array] | None = None,
) -> dict[str, NoisyArray]:
    """Return the tensors in `names`, as on screen, each with its replicas.

    Parameters
    ----------
    enter : callable, optional
        Turns each operand into what the node sees of it.
    """
    with np.errstate(all="ignore"):
        held = {
            name: model.wrap(array) if spec_of(array).kind == "float" else array
            for name, array in inputs.items()
        }
        tape = forward(graph, held, _constants(model), enter)  # type: ignore[arg-type]
        found = {name: value for name, value in tape.values.items() if name in names}
        if any(name.startswith("d ") for name in names):
            model.begin_backward()
            gradients = backward(graph, tape, model.wrap(cotangent))  # type: ignore[arg-type]
            found |= {f"d {name}": dx for name, dx in gradients.items() if f"d {name}" in names}
    return found  # type: ignore[return-value]


def _constants(model: NoiseModel) -> MakeConstant:
    def constant(value: float | int | bool, kind: Kind) -> Array:
        return model.constant(float(value)) if kind == "float" else np.asarray(value)

    return constant
