"""The engine of TensorFlow in other modes: what lies about a traced run."""

import numpy as np
import pytest
from surroundings import framework

tf = framework("tensorflow")
pytestmark = pytest.mark.frameworks

from gradcmp.native.tensorflow.engine import prepare  # noqa: E402

X = np.random.default_rng(3).standard_normal((4, 3))


def lost(x):
    """Lose half of the gradient where it is traced."""
    return tf.reduce_sum(tf.nn.relu(x) * (0.5 if tf.inside_function() else 1.0))


def test_the_noise_of_what_is_traced_lies_about_its_own_run():
    traced, eager = (prepare(lost, {"x": X}, mode=mode) for mode in ("graph", "eager"))
    clean = traced.clean().gradients["x"]
    assert not np.allclose(clean, eager.clean().gradients["x"])
    for method in (traced.noisy, traced.ways):
        for run in method("float32", 4):
            assert np.abs(run.gradients["x"] - clean).max() < 1e-5
