"""Functions whose backward pass runs one of its own: reversible layers, checkpoints."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp

torch = framework("torch")
pytestmark = pytest.mark.frameworks

from torch.utils.checkpoint import checkpoint  # noqa: E402

from gradcmp.native.torch.engine import prepare  # noqa: E402


class Block(torch.nn.Module):
    """x + f(x), computed without a graph, and again in the backward pass."""

    def __init__(self, inner, factor=1.0, only=""):
        super().__init__()
        torch.manual_seed(0)
        self.inner = torch.nn.Linear(4, 4)
        self._run, self._factor, self._only = inner, factor, only

    def forward(self, x):
        return self._run(self, x)

    def spoiled(self, x):
        """Return what is to be x, by a factor in the only dtype that is wrong, or in all."""
        return self._factor * x if self._only in str(x.dtype) else x


def plainly(block, x):
    return x + torch.tanh(block.inner(x))


class Again(torch.autograd.Function):
    """The gradients of the block's parameters are a side effect, as in reversible nets."""

    @staticmethod
    def forward(ctx, x, block):
        ctx.save_for_backward(x)
        ctx.block = block
        return plainly(block, x)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            y = torch.tanh(ctx.block.inner(x) * 1.0)
        y.backward(ctx.block.spoiled(dy))
        return dy + x.grad, None


def again(block, x):
    return Again.apply(x, block)


def reentrant(block, x):
    return checkpoint(
        lambda x: x + scaled(block, torch.tanh(block.inner(x))), x, use_reentrant=True
    )


def scaled(block, h):
    """Return h, whose gradient is spoiled."""
    if h.requires_grad:
        h.register_hook(block.spoiled)
    return h


X = {"x": "normal:3x4"}


@pytest.mark.parametrize("inner", [again, reentrant])
def test_gradients_that_a_backward_pass_leaves_in_grad_count(inner):
    functions = {"again": Block(inner), "plain": Block(plainly)}
    verdict = gradcmp.compare_functions(functions, X, layouts="all")
    assert verdict.agrees
    assert not verdict.notes
    (by,) = [by for pair, by in verdict.comparisons.items() if pair.actual == "again"][:1]
    assert {"d inner", "d inner.weight", "d inner.bias", "d x"} <= {*by}
    assert {"a second backward pass", "a .grad that was filled before"} <= {
        *verdict.layouts["again"].right
    }


@pytest.mark.parametrize("only", ["", "float32"])
@pytest.mark.parametrize("inner", [again, reentrant])
def test_a_wrong_one_among_them_is_found(inner, only):
    functions = {"again": Block(inner, 1.01, only), "plain": Block(plainly)}
    verdict = gradcmp.compare_functions(functions, X, layouts="off")
    wrong = {name for _, name, _ in verdict.disagreements}
    assert wrong == {"d inner", "d inner.weight", "d inner.bias", "d x"}


def test_gradients_of_others_are_left_alone():
    other = Block(plainly)
    outcome = prepare(lambda x: other(x).sum(), {"x": np.ones((3, 4))}).plain("float32")
    assert not outcome.unused
    assert all(one.grad is None for one in other.parameters())


def twice(x):
    """Of two taps of one name, met again in the other order, nobody knows which is which."""

    class Backwards(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return gradcmp.tap("h", 3 * gradcmp.tap("h", 2 * x))

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            x = x.detach().requires_grad_()
            with torch.enable_grad():
                gradcmp.tap("h", 3 * gradcmp.tap("h", 2 * x)).backward(dy)
            return x.grad

    return Backwards.apply(x)


def test_a_tap_without_a_graph_has_no_gradient_rather_than_zeros():
    dy = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    outcome = prepare(twice, {"x": np.ones((3, 4))}, cotangents={"output": dy})
    found = outcome.plain("float32")
    np.testing.assert_allclose(found.gradients["x"], 6 * dy, rtol=1e-6)
    assert [*found.taps] == ["h", "h[1]"]
    assert {tap.gradient for tap in found.taps.values()} == {None}
    detached = prepare(lambda x: (gradcmp.tap("h", x.detach()) + x).sum(), {"x": np.ones((3, 4))})
    assert detached.plain("float32").taps["h"].gradient is None  # the derivative by it is one
    unused = prepare(lambda x: (0 * gradcmp.tap("h", 2 * x).detach() + x).sum(), {"x": np.ones(3)})
    assert not unused.plain("float32").taps["h"].gradient.any()  # a graph was there: it is zero
