"""The inputs of a recording: recovered from its own arrays, or kept beside them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcmp.dtypes.arrays import Array
from gradcmp.errors import RecordingError
from gradcmp.recording.facts import AGAIN
from gradcmp.recording.origin import COTANGENT, OF, Origin, fingerprint
from gradcmp.recording.records import Recording


def missing_inputs(
    recording: Recording, origin: Origin, inputs: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the inputs that a recording's own arrays do not have, as casts lost digits of them."""
    return {
        name: array
        for name, array in inputs.items()
        if (own := _own(recording, origin, name)) is None or fingerprint(own) != origin.hashes[name]
    }


def recover_inputs(recording: Recording, origin: Origin) -> dict[str, Array] | None:
    """Return the inputs, and the cotangent under `COTANGENT`, as the backend received them.

    Returns
    -------
    dict of str to array, or None
        None when a cast lost digits of them that were not kept, as in older recordings.

    Raises
    ------
    RecordingError
        When its arrays are not those whose hashes are in its origin.
    """
    found: dict[str, Array] = {}
    for name, digest in origin.hashes.items():
        given = (recording.given or {}).get(name)
        array = _own(recording, origin, name) if given is None else given
        if array is None:
            raise RecordingError(f"it does not contain {_called(name)}", way_out=AGAIN)
        if fingerprint(array) != digest:
            if recording.given is None and recording.dtype != "float64":
                return None
            raise RecordingError(
                f"{_called(name)} is not what its case was computed from", way_out=AGAIN
            )
        found[name] = array
    return found


def _own(recording: Recording, origin: Origin, name: str) -> Array | None:
    """Return an input from the recording's own arrays, in the dtype in which inputs are drawn."""
    if name.startswith(COTANGENT):
        output = name.removeprefix(OF) if name.startswith(OF) else origin.case.output
        array = recording.gradients.get(output)
    else:
        array = recording.values.get(name)
    if array is None or array.dtype.kind == "b":
        return array
    return np.asarray(array, np.int64 if array.dtype.kind in "iu" else np.float64)


def _called(name: str) -> str:
    return name if name.startswith(COTANGENT) else f"input '{name}'"
