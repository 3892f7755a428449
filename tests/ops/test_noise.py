"""Every op runs under injected rounding noise by the same lines, and the noise is small."""

from __future__ import annotations

import numpy as np
import pytest
from op_calls import DIFFERENTIABLE, OUTPUT, Call

from gradcmp.judge.dtypes import PRECISIONS
from gradcmp.judge.noise.calibration import calibrate


@pytest.mark.parametrize("call", DIFFERENTIABLE, ids=str)
def test_op_has_a_noise_model(call: Call) -> None:
    precision = PRECISIONS["float32"]
    expected = {OUTPUT: call.value(call.inputs)}
    expected |= {f"d {name}": gradient for name, gradient in call.gradients.items()}
    scales = calibrate(call.graph, call.inputs, call.cotangent, precision, expected, replicas=8)
    for name, array in expected.items():
        np.testing.assert_allclose(scales[name].base, array, rtol=1e-12, atol=1e-14)
        assert np.all(scales[name].s < 100 * precision.u * (1 + np.abs(array).max(initial=0)))
