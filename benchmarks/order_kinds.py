"""Correct graphs by kind, small enough for whole Hessians, for `benchmarks.orders`."""

from __future__ import annotations

from collections.abc import Mapping

from gradcmp.case import BackendSpec, Case, Expression, InputSpec
from gradcmp.config import parse_input
from gradcmp.derivatives import Derivative

SPOILED = "torch"
SIDES = (BackendSpec("numpy", dtype="float32"), BackendSpec("torch"), BackendSpec("jax"))
DERIVATIVES: tuple[Derivative, ...] = ("jvp", "hvp", "jacobian", "hessian")
FIRST_SEED = 500_000  # of no other measurement

Body = dict[str, str]
LSTM = {
    "z": "x @ w + h @ u + b",
    "cell": "sigmoid(z[:, 4:8]) * c + sigmoid(z[:, :4]) * tanh(z[:, 8:12])",
    "y": "sigmoid(z[:, 12:]) * tanh(cell)",
}
# By kind: the inputs, the graph, and what it is differentiated by.
KINDS: Mapping[str, tuple[dict[str, str], Body, tuple[str, ...]]] = {
    "mlp": (
        {"x": "normal:6x5", "w": "normal:5x4:std=0.5", "v": "normal:4x3:std=0.5",
         "t": "integers:6:high=3"},
        {"y": "cross_entropy(tanh(x @ w) @ v, t)"},
        ("w", "v"),
    ),
    "rectified": (
        {"x": "normal:6x5", "w": "normal:5x4:std=0.5", "v": "normal:4x3:std=0.5"},
        {"y": "mean((relu(x @ w) @ v)**2)"},
        ("w", "v"),
    ),
    "layer_norm": (
        {"x": "normal:4x6", "g": "normal:6", "b": "normal:6"},
        {"y": "layer_norm(x, g, b)"},
        ("x", "g"),
    ),
    "rms_norm": (
        {"x": "normal:4x6", "g": "normal:6"},
        {"y": "gelu(rms_norm(x, g))"},
        ("x", "g"),
    ),
    "attention": (
        {name: "normal:1x2x4x3" for name in "qkv"},  # torch's own has no forward mode on a CPU
        {"y": "softmax(q @ transpose(k, (0, 1, 3, 2)) * 0.57) @ v"},
        ("q", "k"),
    ),
    "softmax": (
        {"x": "normal:4x6:std=3"},
        {"y": "softmax(x) * log_softmax(x)"},
        ("x",),
    ),
    "lstm": (
        {"x": "normal:3x2", "h": "normal:3x4", "c": "normal:3x4", "w": "normal:2x16:std=0.5",
         "u": "normal:4x16:std=0.5", "b": "normal:16:std=0.1"},
        LSTM,
        ("h", "c"),
    ),
    "convolution": (
        {"x": "normal:2x2x5x5", "k": "normal:2x2x3x3:std=0.3"},
        {"y": "avg_pool(softplus(conv2d(x, k, padding=1)), 2)"},
        ("k",),
    ),
    "gmm": (
        {"x": "normal:8x3", "means": "normal:4x3", "logs": "normal:4x3:std=0.3", "a": "normal:4"},
        {
            "d": "(expand_dims(x, 1) - means) * exp(logs)",
            "y": "sum(logsumexp(a + sum(logs, axis=1) - 0.5 * sum(d * d, axis=2), axis=1))",
        },
        ("means", "logs"),
    ),
    "cholesky": (
        {"a": "normal:4x4", "e": "uniform:4:low=2,high=3", "r": "normal:4"},
        {"s": "a @ a.T + diag(e)", "y": "sum(log(diagonal(cholesky(s)))) + sum(r * solve(s, r))"},
        ("a", "e"),
    ),
    "solve": (
        {"a": "normal:4x4:std=0.3", "e": "uniform:4:low=2,high=3", "b": "normal:4x2"},
        {"y": "solve(a + diag(e), b)"},
        ("a", "b"),
    ),
    "similarity": (
        {"x": "normal:5x6", "z": "normal:5x6"},
        {"y": "cosine_similarity(x, z, axis=1) * norm(x, axis=1)"},
        ("x", "z"),
    ),
    "product": (
        {"x": "uniform:4x5:low=0.5,high=1.5"},
        {"y": "cumulative_prod(x, axis=1) / (1 + prod(x, axis=0))"},
        ("x",),
    ),
    "cancellation": (
        {"x": "normal:4x16:mean=30"},
        {"y": "log(mean(x * x, axis=1) - mean(x, axis=1)**2 + 0.1)"},
        ("x",),
    ),
    "special": (
        {"x": "uniform:4x5:low=0.5,high=3", "z": "uniform:4x5:low=0.5,high=2"},
        {"y": "lgamma(x) * erf(z) + x ** z + atan2(x, z)"},
        ("x", "z"),
    ),
}  # fmt: skip

# By kind and derivative: the tensor in which a framework is wrong, so that no alarm is false.
KNOWN: Mapping[tuple[str, str], str] = {
    # torch 2.13: torch.func.hessian by x and the weight, in float64, too; each by itself is right.
    ("layer_norm", "hessian"): "H[g, x]",
}


def case_of(kind: str, derivative: Derivative, seed: int) -> Case:
    """Return one correct graph with the inputs of a seed."""
    inputs, body, wrt = KINDS[kind]
    specs: dict[str, InputSpec] = {name: parse_input(name, text) for name, text in inputs.items()}
    graph = {name: Expression(text) for name, text in body.items()}
    output = [*body][-1]
    name = f"{kind} {derivative} {seed}"
    return Case(name, specs, graph, output, wrt, SIDES, seed=seed, derivative=derivative)
