"""What users of other libraries type is taken, or an error says what to write."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gradcmp.case import Expression
from gradcmp.errors import GraphError
from gradcmp.graph import Constant, forward
from gradcmp.graph.aliases import CONSTANTS, TAKEN
from gradcmp.graph.build import assemble
from gradcmp.graph.expression import parse
from gradcmp.graph.names import LEADS, NAMED_ONLY, TOO_MANY, resolve
from gradcmp.graph.outside import WAYS_OUT
from gradcmp.graph.walk import constants_of
from gradcmp.ops import OPS


def parsed(text: str, known: tuple[str, ...] = ("x", "y", "i")) -> list[tuple[object, ...]]:
    nodes = parse("n", Expression(text), known)
    return [(node.op, node.operands, dict(node.static)) for node in nodes]


def refusal(text: str) -> str:
    with pytest.raises(GraphError) as caught:
        parse("n", Expression(text), ("x", "y", "i"))
    return str(caught.value).removeprefix("node 'n': ")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("x.sum()", "sum(x)"),
        ("x.sum(axis=0)", "sum(x, axis=0)"),
        ("x.sum(1, keepdim=True)", "sum(x, axis=1, keepdims=True)"),
        ("(x * y).exp().mean()", "mean(exp(x * y))"),
        ("x.T", "transpose(x)"),
        ("x.t() @ y", "transpose(x) @ y"),
        ("np.sum(x)", "sum(x)"),
        ("torch.relu(x)", "relu(x)"),
        ("F.softmax(x, dim=1)", "softmax(x, axis=1)"),
        ("torch.nn.functional.silu(x)", "silu(x)"),
        ("nn.functional.relu(x)", "relu(x)"),
        ("jnp.where(x > 0, x, y)", "where(x > 0, x, y)"),
        ("jax.nn.sigmoid(x)", "sigmoid(x)"),
        ("tf.reduce_sum(x, axis=1)", "sum(x, axis=1)"),
        ("tf.math.exp(x)", "exp(x)"),
        ("tf.gather(x, i)", "take(x, i)"),
        ("np.linalg.norm(x)", "norm(x)"),
        ("np.linalg.eigvalsh(x)", "eigvalsh(x)"),
        ("tf.linalg.self_adjoint_eigvals(x)", "eigvalsh(x)"),
        ("torch.linalg.svdvals(x)", "svdvals(x)"),
        ("torch.std(x, correction=0)", "std(x, correction=0)"),
        ("x.std(ddof=1)", "std(x, correction=1)"),
        ("x.max(axis=1)", "max(x, axis=1)"),
        ("x.permute(1, 0)", "transpose(x, (1, 0))"),
        ("x.view(2, -1)", "reshape(x, (2, -1))"),
        ("x.view(-1)", "reshape(x, (-1,))"),
        ("x.reshape(3, 2)", "reshape(x, (3, 2))"),
        ("unsqueeze(x, 1)", "expand_dims(x, axis=1)"),
        ("cumsum(x, dim=0)", "cumulative_sum(x, axis=0)"),
        ("swish(x)", "silu(x)"),
        ("F.max_pool2d(x, kernel_size=2)", "max_pool(x, kernel=2)"),
        ("x.tril(diagonal=1)", "tril(x, k=1)"),
        ("x % y", "remainder(x, y)"),
        ("x.prod(dim=0).detach()", "stop_gradient(prod(x, axis=0))"),
        ("ln(x)", "log(x)"),
        ("x.clamp(min=0)", "clip(x, min=0)"),
        ("concat([x, y], 1)", "concat(x, y, axis=1)"),
        ("stack([x, y], 1)", "stack(x, y, axis=1)"),
        ("torch.cat((x, y), dim=-1)", "concat(x, y, axis=-1)"),
        ("F.cross_entropy(input=x, target=i)", "cross_entropy(x, i)"),
        ("jax.nn.leaky_relu(x)", "leaky_relu(x)"),
        ("special.softmax(x, axis=0)", "softmax(x, axis=0)"),
        ("torch.clamp(x, 0, 1)", "clip(x, 0, 1)"),
        ("x.take_along_dim(i, dim=1)", "take_along_axis(x, i, axis=1)"),
    ],
)
def test_what_means_the_same_is_taken(text: str, plain: str) -> None:
    assert parsed(text) == parsed(plain)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x ^ 2", "Write x ** 2"),
        ("x[i]", "take(x, i)"),
        ("x[:, i]", "take(x, i, axis=1)"),
        ("x[x > 0]", "where(x > 0, x, 0)"),
        ("max(x, y)", "'y' might be the axis or a second operand. Write maximum(x, y)."),
        ("x.min(y)", "Write minimum(x, y)."),
        ("max(x, 1)", "Write max(x, axis=1) or maximum(x, 1)."),
        ("norm(x, 1)", "'1' might be the axis or the order. Write norm(x, axis=1)"),
        ("dot(x, y)", "Write x @ y"),
        ("x.dot(y)", "Write x @ y"),
        ("x.flatten()", "Write reshape(x, (-1,))"),
        ("torch.std(x)", "divides by n - 1 in torch and by n elsewhere. Write std(x, correction"),
        ("x.var(axis=0)", "Write var(x) to divide by n, var(x, correction=1) for n - 1."),
        ("torch.max(x, dim=1)", "Write max(x, axis=0)."),
        ("F.softmax(x)", "Write softmax(x, axis=-1)."),
        ("np.take(x, i)", "Write take(x, indices, axis=0)."),
        ("jax.nn.gelu(x)", "Write gelu(x, approximate='tanh')."),
        ("x.transpose(1, 0)", "with all axes in their new order"),
        ("torch.transpose(x, 0, 1)", "with all axes in their new order"),
        ("F.layer_norm(x, 4)", "which normalizes the last axis"),
        ("x.gather(1, i)", "has the axis second in torch. Write gather(x, indices, axis=1)."),
        ("norm(x, 2)", "Write norm(x, axis=2) or norm(x, ord=2)."),
        ("tf.nn.conv2d(x, y, 1)", "channels last in TensorFlow, and second here. Write conv2d("),
        ("x.shape", "write the number"),
        ("x.to(y)", "Name dtypes and devices beside the graph"),
        ("x.backward()", "its gradients are what is compared"),
        ("x // 2", "Write x / y"),
        ("x & y", "Write where(p, q, False)."),
        ("x or y", "Write where(p, True, q)."),
        ("not x", "Write where(p, False, True)."),
        ("x if y else i", "Write where(condition, x, y)."),
        ("exp([x, y])", "Write stack([x, y]) or concat([x, y])."),
        ("cumsumm(x)", "Did you mean 'cumulative_sum'?"),
        ("softmx(x)", "Did you mean 'softmax'?"),
        ("tf.nn.leaky_relu(x)", "0.2 in TensorFlow unless told otherwise. Write leaky_relu(x, neg"),
        ("scipy.special.softmax(x)", "is that of all elements in SciPy. Write softmax(x, axis=-1)"),
        ("jax.lax.clamp(0, x, 1)", "clamp is given a bound first in JAX. Write clip(x, min, max)."),
        ("torch.take_along_dim(x, i)", "Write take_along_axis(x, indices, axis=-1)."),
        ("x.median()", "median is the lower of the two in torch"),
        ("x.where(y, i)", "where is no method. Write where(condition, x, y)."),
        ("np.random.rand(x)", "there is no op 'rand'"),
    ],
)
def test_what_means_something_else_leads_to_the_right_spelling(text: str, sentence: str) -> None:
    assert sentence in refusal(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        *(
            (call, "Write eigvalsh(x) for the eigenvalues, or spectral_projector(x, k) for V @ Vᵀ")
            for call in (
                "eigh(x)", "np.linalg.eigh(x)", "torch.linalg.eigh(x)[0]", "jnp.linalg.eigh(x)",
                "tf.linalg.eigh(x)[1]", "scipy.linalg.eigh(x)", "jax.lax.linalg.eigh(x)",
                "torch.symeig(x)", "tf.self_adjoint_eig(x)", "eigh(x).eigenvalues",
                "torch.linalg.eigh(x).eigenvectors @ y", "x.eigh()",
            )
        ),
        *(
            (call, "Write svdvals(x) for the singular values, or truncated_svd(x, k) for U @")
            for call in (
                "svd(x)", "np.linalg.svd(x)", "np.linalg.svd(x, compute_uv=False)",
                "torch.linalg.svd(x)", "torch.svd(x)[1]", "torch.svd(x).S", "tf.linalg.svd(x)[0]",
                "jnp.linalg.svd(x, full_matrices=False)", "torch.svd_lowrank(x)", "x.svd()",
            )
        ),
        *(
            (call, "a matrix that is not symmetric are complex: write eigvalsh(x) for a symmetric")
            for call in ("eig(x)", "np.linalg.eig(x)", "torch.linalg.eigvals(x)", "eigvals(x)")
        ),
    ],
)  # fmt: skip
def test_vectors_with_signs_to_choose_lead_to_what_has_none(text: str, sentence: str) -> None:
    assert refusal(text).startswith("there is no op '")
    assert sentence in refusal(text)


def test_what_is_no_library_is_no_prefix() -> None:
    assert parsed("F.sum()", ("F",)) == parsed("sum(F)", ("F",))
    assert "an attribute" in refusal("x.data")


@pytest.mark.parametrize(("name", "value"), CONSTANTS.items())
def test_a_constant_is_a_number_unless_an_input_has_its_name(name: str, value: float) -> None:
    assert parsed(f"x * {name}") == [("multiply", ("x", Constant(value)), {})]
    assert parsed(f"np.{name} * x") == [("multiply", (Constant(value), "x"), {})]
    assert parsed(f"x * {name}", ("x", name)) == [("multiply", ("x", name), {})]
    assert parsed(f"clip(x, -1, {name})") == [("clip", ("x",), {"min": -1, "max": value})]
    bounds = {"min": -1, "max": ...}  # the array is one more operand
    assert parsed(f"clip(x, -1, {name})", ("x", name)) == [("clip", ("x", name), bounds)]
    with pytest.raises(GraphError, match="must be a literal"):
        parsed(f"sum(x, {name})", ("x", name))


def test_an_input_or_node_called_e_is_what_is_computed() -> None:
    body = (("pi", Expression("e * 2")), ("out", Expression("pi + e")))
    graph = assemble(("e",), body, "out")
    values = forward(graph, {"e": np.ones(3)}, constants_of(np.dtype(np.float64))).values
    assert values["out"].tolist() == [3, 3, 3]


def test_a_name_that_is_no_input_leads_to_what_to_write() -> None:
    with pytest.raises(GraphError, match=r"no input or node 'np'\. Call what is its own: np\.exp"):
        assemble(("x",), (("out", Expression("x * np")),), "out")


def test_each_alias_leads_to_an_op() -> None:
    nowhere = {name: op for name, op in TAKEN.items() if op not in OPS}
    assert not nowhere, "these aliases lead nowhere"


def test_each_way_out_names_ops_that_there_are() -> None:
    ways = [way.out for way in LEADS.values()] + [*TOO_MANY.values(), *WAYS_OUT.values()]
    ways += [spelling for _, spelling in NAMED_ONLY.values()]
    called = {name for text in ways for name in re.findall(r"\b([a-z_0-9]+)\(", text)}
    assert called
    assert not {name for name in called if name not in OPS}


def test_an_alias_of_an_op_that_is_not_there_is_an_unknown_name(monkeypatch) -> None:
    monkeypatch.setitem(TAKEN, "swosh", "no_such_op")
    with pytest.raises(GraphError, match=r"there is no op 'swosh'\. See them with"):
        resolve("swosh")


def test_an_op_comes_before_an_alias() -> None:
    assert not [name for name in TAKEN if name in OPS], "an op has the name of an alias"
