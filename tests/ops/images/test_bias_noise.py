"""What a library adds up in bfloat16 for the gradient of a bias is part of the noise."""

from __future__ import annotations

import numpy as np
import pytest

from gradcmp.backends import backend_class
from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.bfloat16 import Bfloat16Model
from gradcmp.judge.noise.model import NoisyArray
from gradcmp.ops import OPS


@pytest.mark.parametrize(
    ("framework", "mode", "stops"), [("tensorflow", "eager", True), ("torch", "eager", False)]
)
def test_a_sum_that_stops_at_256_is_rounding_where_it_does(
    framework: str, mode: str, stops: bool
) -> None:
    coarse = backend_class(framework).coarse_sums[mode]
    model = Bfloat16Model(FORMATS["bfloat16"], 16, np.random.default_rng(0), coarse=coarse)
    shapes = ((1, 1, 4000), (1, 1, 1), (1,), (1, 1, 4000))
    x, weight, bias, dy = (NoisyArray(np.ones((17, *shape)), model) for shape in shapes)
    _, _, dbias = OPS["conv1d"].reference(x, weight, bias)[1](dy)
    assert dbias.stack[0] == 4000
    spread = np.sqrt(np.mean((dbias.stack[1:] - 4000) ** 2))
    assert (spread > 1000) == stops
    assert stops or spread < 100
