"""The float64 reference of saved recordings, computed again: what calibration starts from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcmp import inputs
from gradcmp.case import REFERENCE
from gradcmp.errors import GraphError, InputError, RecordingError
from gradcmp.graph import backward, forward, infer, require_gradient
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.parts.graph import graph_of
from gradcmp.recording import COTANGENT, Array, Origin, Recording, recover_inputs
from gradcmp.recording.facts import AGAIN

RECOMPUTED = f"{REFERENCE} recomputed"
# What arrays that a graph was not made for can raise in NumPy: an index too large, a shape.
MISFIT = (ArithmeticError, LookupError, MemoryError, TypeError, ValueError)


def recompute_reference(origin: Origin, recordings: Mapping[str, Recording]) -> Recording | None:
    """Compute the float64 reference from what the backends of one case were handed.

    Parameters
    ----------
    recordings : mapping of str to Recording
        By label; what each was handed must be what its case was computed from.

    Returns
    -------
    Recording or None
        None when no recording says any more what it was handed.

    Raises
    ------
    RecordingError
        When arrays and case do not belong together.
    """
    found = None
    for label, recording in recordings.items():
        for each in (recording, recording.twin):
            if each is None:
                continue
            try:
                handed = recover_inputs(each, origin)
                found = found or handed
            except RecordingError as error:
                error.fact = f"the recording of '{label}': {error.fact}"
                raise
    return None if found is None else _compute(origin, found)


def require_computable(origin: Origin, reference: Recording) -> None:
    """Refuse a recorded reference whose graph cannot be computed from its own inputs.

    Raises
    ------
    RecordingError
    """
    handed = {name: reference.values.get(name) for name in origin.case.inputs}
    handed[COTANGENT] = reference.gradients.get(origin.case.output)
    given = {name: array for name, array in handed.items() if array is not None}
    if given.keys() != handed.keys():
        raise RecordingError(
            "the recorded reference lacks an input or the cotangent", way_out=AGAIN
        )
    _compute(origin, given)


def _compute(origin: Origin, handed: Mapping[str, Array]) -> Recording:
    arrays = {name: array for name, array in handed.items() if name != COTANGENT}
    try:
        graph = graph_of(origin.case, {name: spec_of(array) for name, array in arrays.items()})
        specs = infer(graph, {name: spec_of(array) for name, array in arrays.items()})
        require_gradient(graph, specs)
        inputs.require_memory(specs)
        with np.errstate(all="ignore"):
            tape = forward(graph, arrays, constants_of(np.dtype(np.float64)))
            gradients = backward(graph, tape, handed[COTANGENT])
    except GraphError as error:
        raise RecordingError(f"its graph: {error.fact}", way_out=AGAIN) from None
    except InputError as error:
        way_out = "Choose another tolerance than auto, which computes it again"
        raise RecordingError(error.fact, way_out=way_out) from None
    except MISFIT as error:
        fact = f"its graph cannot be computed from its inputs ({error})"
        raise RecordingError(fact, way_out=AGAIN) from None
    return Recording(RECOMPUTED, "float64", tape.values, gradients)
