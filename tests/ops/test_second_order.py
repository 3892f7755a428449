"""Forward mode and second order of the reference, by complex step, against differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from op_calls import DIFFERENTIABLE, OUTPUT, Call, each

from gradcmp.derivatives import Asked
from gradcmp.graph import backward, forward
from gradcmp.graph.stepped import derived
from gradcmp.graph.walk import constants_of
from gradcmp.ops import Array

STEP = 1e-4
TOLERANCES = {"float64": 1e-7, "float32": 1e-2}
Point = Mapping[str, Array]


def directions(call: Call) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    return {name: rng.standard_normal(call.inputs[name].shape) for name in call.real_inputs}


def moved(call: Call, size: float) -> dict[str, Array]:
    """Return the value and the first derivatives at a step along the direction."""
    step = directions(call)
    inputs = {n: np.asarray(x + size * step[n]) if n in step else x for n, x in call.inputs.items()}
    with np.errstate(all="ignore"):
        tape = forward(call.graph, inputs, constants_of(np.dtype(np.float64)))
        slopes = backward(call.graph, tape, call.cotangent)
    known = {f"H v[{name}]": slopes[name] for name in step}
    return {f"J v[{OUTPUT}]": tape.values[OUTPUT], **known}


def extrapolated(call: Call) -> dict[str, Array]:
    """Return differences of first order, extrapolated once by Richardson."""
    far, near = (
        {
            n: (ahead - back) / (2 * h)
            for (n, ahead), back in zip(a.items(), b.values(), strict=True)
        }
        for h in (STEP, STEP / 2)
        for a, b in [(moved(call, h), moved(call, -h))]
    )
    return {name: (4 * near[name] - far[name]) / 3 for name in far}


def stepped(call: Call, dtype: str) -> dict[str, Array]:
    asked = (Asked(kind, directions(call)) for kind in ("jvp", "hvp"))
    both = [derived(call.graph, call.inputs, call.cotangent, one, dtype) for one in asked]
    return {**both[0], **both[1]}


def agrees(actual: Array, expected: Array, tolerance: float) -> bool:
    scale = max(float(np.abs(expected).max(initial=0)), 1e-2)
    return bool(np.all(np.abs(actual - expected) <= tolerance * scale))


@each(DIFFERENTIABLE)
def test_complex_step_of_value_and_pullback(call: Call) -> None:
    expected = extrapolated(call)
    for dtype, tolerance in TOLERANCES.items():
        found = stepped(call, dtype)
        assert found.keys() == expected.keys()
        for name, array in found.items():
            assert array.dtype == dtype
            assert agrees(array, expected[name], tolerance), (name, dtype)


SPOILS: Mapping[str, Callable[[Array], Array]] = {
    "negated": lambda x: -x,
    "scaled": lambda x: 1.02 * x,
    "missing": np.zeros_like,
}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_a_spoiled_second_order_is_caught(spoil: str, dtype: str) -> None:
    caught = 0
    for call in DIFFERENTIABLE[::7]:
        expected = extrapolated(call)
        for name, array in stepped(call, dtype).items():
            if np.abs(expected[name]).max(initial=0) > 1e-2:
                assert not agrees(SPOILS[spoil](array), expected[name], TOLERANCES[dtype])
                caught += 1
    assert caught > 10
