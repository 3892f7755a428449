"""What a traced program returns, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from gradcmp.derivatives import is_derived
from gradcmp.native.outcome import Array, Outcome, Tap
from gradcmp.recording import numpy_dtype


def outcome(found: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """Return all that a program returned as arrays."""
    arrays = {kind: {name: _array(one) for name, one in by.items()} for kind, by in found.items()}
    taps = {
        name: Tap(value, arrays["slopes"].get(name, np.zeros(value.shape)))
        for name, value in arrays["taps"].items()
    }
    dtypes = {name: one.dtype.name for name, one in arrays["outputs"].items()}
    return Outcome(arrays["outputs"], arrays["gradients"], taps, dtypes)


def parts(outcome: Outcome) -> dict[str, Mapping[str, Array]]:
    """Return what a traced program returns, from a run: its leaves are in the same order."""
    taps = outcome.taps
    real = {name for name, one in taps.items() if one.value.dtype.kind == "f"}
    return {
        "outputs": dict(outcome.outputs),
        "gradients": dict(outcome.gradients),
        "taps": {name: one.value for name, one in taps.items()},
        "slopes": {name: one for name, one in outcome.slopes.items() if name in real},
    }


def primals(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the outputs that are no derivatives."""
    return {name: one for name, one in found["outputs"].items() if not is_derived(name)}


def _array(one: Any) -> Array:
    array = np.asarray(one)
    return array.astype(numpy_dtype("bfloat16")) if str(array.dtype) == "bfloat16" else array


def unflattened(tree: Any, leaves: Sequence[Any]) -> Any:
    """Return results arranged as the traced program does."""
    return jax.tree.unflatten(tree, leaves)


def replica(stack: Any, base: Array, row: int) -> Array:
    """Return an array as far from its base as a replica is."""
    if len(stack) == 1:
        return base
    moved: Array = base + (stack[row] - stack[0]) if stack.dtype.kind == "f" else stack[row]
    return moved
