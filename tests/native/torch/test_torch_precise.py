"""What a function closes over was made in float32: beside float64 it is as wide."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp

torch = framework("torch")
pytestmark = pytest.mark.frameworks

from gradcmp.native.torch.engine import prepare  # noqa: E402

W = np.random.default_rng(2).normal(size=(4, 3)).astype(np.float32)
WEIGHT = torch.tensor(W)
LINEAR = torch.nn.Linear(4, 3)
INPUTS = {"x": "normal:5x4"}


def compare(mine, plain, **options):
    return gradcmp.compare_functions(
        {"mine": mine, "plain": plain}, INPUTS, framework="torch", **options
    )


@pytest.mark.parametrize("derivative", ["gradient", "hvp"])
def test_weights_that_a_function_closes_over(derivative):
    def by_hand(x):
        return torch.tanh(x @ LINEAR.weight.T + LINEAR.bias)

    found = compare(lambda x: torch.tanh(LINEAR(x)), by_hand, derivative=derivative)
    assert found.agrees
    assert not found.notes  # both have a float64 run
    assert LINEAR.weight.dtype == torch.float32
    assert LINEAR.weight.grad is None


def test_beside_them_a_kernel_wrong_in_float32_alone_is_found():
    def off(x):
        return x @ WEIGHT * (1.0 if x.dtype == torch.float64 else 1.01)

    assert not compare(off, lambda x: torch.einsum("ij,jk->ik", x, WEIGHT)).agrees


def test_their_product_in_float64_has_all_digits():
    x = np.random.default_rng(1).normal(size=(5, 4))
    side = prepare(lambda x: x @ WEIGHT, {"x": x}, cotangents={"output": np.ones((5, 3))})
    found = side.clean().outputs["output"]
    np.testing.assert_allclose(found, x @ W.astype(np.float64), rtol=1e-13)


def test_what_is_written_to_is_no_copy():
    """A sum into a buffer in float32 is refused as ever, and not lost."""
    held = torch.zeros(5, 4)

    def summed(x):
        return held.index_add_(0, torch.arange(5), x)

    side = prepare(summed, {"x": np.ones((5, 4))}, cotangents={"output": np.ones((5, 4))})
    with pytest.raises(RuntimeError):
        side.clean()
