"""Branches that are open in torch's stream of operations, constants, and nudged inputs."""

import numpy as np
import pytest
from surroundings import framework

framework("torch")
pytestmark = pytest.mark.frameworks

import torch  # noqa: E402
from torch_families import rms  # noqa: E402

from gradcmp.dtypes import FORMATS  # noqa: E402
from gradcmp.judge.noise.kinks import FEW  # noqa: E402
from gradcmp.native.torch.engine import prepare  # noqa: E402

U = FORMATS["float32"].u
X = np.random.default_rng(5).normal(size=(8, 8)).astype(np.float32).astype(np.float64)
DY = np.random.default_rng(6).normal(size=(8, 8)).astype(np.float32).astype(np.float64)


def relu_of(x):
    return torch.relu(x) + torch.maximum(x, x.flip(0)) * 10


def test_near_ties_keep_their_branch_and_are_counted():
    x = np.array([1.0, 1e-9, -1e-9, 0.0, -2.0])
    side = prepare(lambda x: torch.relu(x - 3 + 3), {"x": x}, cotangents={"output": DY[0, :5]})
    for replica in side.noisy("float32"):
        assert replica.near >= 2
        np.testing.assert_allclose(replica.gradients["x"], [1, 1, 0, 0, 0] * DY[0, :5], 1e-6)


def test_many_near_ties_are_drawn():
    x = np.linspace(-1, 1, 8 * FEW) * 1e-9
    side = prepare(lambda x: torch.relu(x - 3 + 3).sum(), {"x": x})
    slopes = np.array([replica.gradients["x"] for replica in side.noisy("float32")])
    assert 0.3 < slopes.mean() < 0.7
    assert len(np.unique(slopes, axis=0)) > 8


def test_exact_ties_are_broken_both_ways():
    x = np.array([0.0, 1.0, -1.0, 0.0])
    dy = DY[0, 0]  # one for all: which of two tied elements wins is left open
    side = prepare(relu_of, {"x": x}, cotangents={"output": np.full(4, dy)})
    up, down = (np.round(one.gradients["x"] / dy, 12) for one in side.ties())
    np.testing.assert_array_equal(up[1:3], [21, 0])
    np.testing.assert_array_equal(down[1:3], [21, 0])
    assert {up[0], up[3]} == {1.0, 21.0}
    assert {down[0], down[3]} == {0.0, 20.0}
    assert side.noisy("float32", 2)[0].tied


def test_every_way_gives_tied_maxima_one_share():
    """Whichever branches are taken, the shares of both operands add up."""
    side = prepare(lambda x, y: torch.maximum(x, y).sum(), {"x": X, "y": X.copy()})
    ways = side.ways("float32", 12)
    for one in ways:
        np.testing.assert_array_equal(one.gradients["x"] + one.gradients["y"], np.ones((8, 8)))
    assert len({one.gradients["x"].tobytes() for one in ways}) > 8


def test_ways_have_no_noise():
    side = prepare(lambda x: torch.relu(x) @ x, {"x": X}, cotangents={"output": DY})
    for one in side.ways("float32", 6):
        np.testing.assert_allclose(one.gradients["x"], side.clean().gradients["x"], rtol=1e-12)


def test_a_function_that_branches_on_its_data_runs():
    def branching(x):
        return x * 2 if x.sum() > 0 else x * 3

    side = prepare(branching, {"x": X - X.mean() + 1e-12}, cotangents={"output": DY})
    assert len(side.noisy("float32", 8)) == 8


def test_constants_in_float32_are_moved_and_nothing_else():
    table = torch.linspace(0.1, 0.9, 8)
    side = prepare(lambda x: (x * table).exp(), {"x": X}, cotangents={"output": DY})
    clean = side.clean()
    moved = np.array([one.gradients["x"] - clean.gradients["x"] for one in side.constants(8)])
    assert 0.1 < rms(moved) / rms(clean.gradients["x"]) / U < 5
    free = prepare(lambda x: (x * 0.1).exp(), {"x": X}, cotangents={"output": DY})
    for one in free.constants(2):
        np.testing.assert_array_equal(one.gradients["x"], free.clean().gradients["x"])


def test_buffers_are_constants_and_running_statistics_are_not():
    class Table(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("table", torch.linspace(0.1, 0.9, 8))

        def forward(self, x):
            return x * self.table

    moving = prepare(Table(), {"x": X}, cotangents={"output": DY})
    still = prepare(torch.nn.BatchNorm1d(8).eval(), {"input": X}, cotangents={"output": DY})
    still.subject.module.running_mean.fill_(0.3)
    assert (moving.constants(1)[0].gradients["x"] != moving.clean().gradients["x"]).any()
    np.testing.assert_array_equal(
        still.constants(1)[0].gradients["input"], still.clean().gradients["input"]
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_nudged_inputs_are_one_step_away(dtype):
    side = prepare(lambda x: x * 1, {"x": X}, cotangents={"output": DY})
    near, plain = side.nudged(dtype).outputs["output"], side.plain(dtype).outputs["output"]
    steps = np.abs(near.astype(np.float64) - plain.astype(np.float64)) / np.abs(X)
    assert steps.min() > 0.4 * FORMATS[dtype].u
    assert steps.max() < 2.1 * FORMATS[dtype].u


def test_where_no_branch_is_open_there_is_no_other_way():
    smooth = prepare(lambda x: torch.tanh(x), {"x": X}, cotangents={"output": DY})
    assert smooth.ways("float32", 6) == []
    far = prepare(lambda x: torch.relu(x), {"x": X}, cotangents={"output": DY})
    assert far.ways("float32", 6) == []
    near = prepare(
        lambda x: torch.relu(x - X[0, 0] * (1 + 1e-9)), {"x": X}, cotangents={"output": DY}
    )
    assert near.ways("float32", 6)
