"""Every op runs under injected rounding noise by the same lines, and the noise is small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from op_calls import DIFFERENTIABLE, OUTPUT, Call, each

from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.calibration import calibrate
from gradcmp.judge.noise.model import NoiseModel, NoisyArray, NoModelError
from gradcmp.judge.noise.rules.arithmetic import KAPPA
from gradcmp.ops import OPS, Array, Op, Pullback
from gradcmp.ops.blocks import unary
from gradcmp.ops.registry import Registry
from gradcmp.ops.spec import Primitive


@each(DIFFERENTIABLE)
def test_op_has_a_noise_model(call: Call) -> None:
    precision = FORMATS["float32"]
    expected = {OUTPUT: call.value(call.inputs)}
    expected |= {f"d {name}": gradient for name, gradient in call.gradients.items()}
    scales = calibrate(call.graph, call.inputs, call.cotangent, precision, expected, replicas=8)
    for name, array in expected.items():
        np.testing.assert_allclose(scales[name].base, array, rtol=1e-12, atol=1e-14)
        assert np.all(scales[name].s < 100 * precision.u * (1 + np.abs(array).max(initial=0)))


DECLARED = [(op, primitive) for op in OPS.values() for primitive in op.noise]


def error_and_noise(op: Op, primitive: Primitive) -> tuple[float, float]:
    """Return what NumPy loses in float32 where the op is tested, and what is expected of it."""
    rng = np.random.default_rng(0)
    operands = [op.draw(name, rng, (2000,)) for name in op.signature.parameters]
    coarse = [x.astype(np.float32) for x in operands[: getattr(primitive, "nin", 1)]]
    fine = [x.astype(np.float64) for x in coarse]
    model = NoiseModel(FORMATS["float32"], 16, np.random.default_rng(0))
    stacks = [NoisyArray(np.repeat(x[None], 17, axis=0), model) for x in fine]
    base, found, noisy = primitive(*fine), primitive(*coarse), primitive(*stacks)
    np.testing.assert_array_equal(noisy.stack[0], base)
    return rms((found - base) / base), rms((noisy.stack[1:] - base) / base)


def rms(x: Array) -> float:
    return float(np.sqrt(np.nanmean(np.square(x))))


@pytest.mark.parametrize(
    ("op", "primitive"), DECLARED, ids=[f"{op.name} {one.__name__}" for op, one in DECLARED]
)
def test_a_primitive_strays_about_as_far_as_its_op_says(op: Op, primitive: Primitive) -> None:
    error, noise = error_and_noise(op, primitive)
    assert 0.7 * error <= noise <= 2 * op.noise[primitive] * FORMATS["float32"].u


def radians(x: Array) -> tuple[Array, Pullback]:
    """Return degrees in radians."""
    return np.deg2rad(x), lambda dy: (np.deg2rad(dy),)


@pytest.mark.parametrize(("kappa", "enough"), [(6.0, True), (0.05, False), (0.0, False)])
def test_a_ufunc_that_is_new_has_the_noise_of_the_block(
    kappa: float, enough: bool, registered: Callable[[Op], Op]
) -> None:
    op = registered(unary(radians, {}, noise={np.deg2rad: kappa}))
    error, noise = error_and_noise(op, np.deg2rad)
    assert (0.7 * error <= noise) == enough


def test_a_ufunc_that_nobody_knows_has_no_model() -> None:
    with pytest.raises(NoModelError, match="deg2rad has no noise model"):
        error_and_noise(unary(radians, {}), np.deg2rad)


@pytest.mark.parametrize(
    ("op", "primitive"), DECLARED, ids=[f"{op.name} {one.__name__}" for op, one in DECLARED]
)
def test_a_primitive_has_one_noise(op: Op, primitive: Primitive) -> None:
    assert OPS.noise(primitive) == op.noise[primitive]
    assert primitive not in KAPPA


def test_of_a_primitive_the_first_noise_counts() -> None:
    registry = Registry()
    registry.register(unary(radians, {}, noise={np.deg2rad: 4}))
    registry.register(replace(unary(radians, {}, noise={np.deg2rad: 400}), name="other"))
    assert registry.noise(np.deg2rad) == 4
