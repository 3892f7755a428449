"""Real blocks, written as cases in the graph language."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradcmp.case import BackendSpec, Case, DType, Expression, InputSpec

Inputs = dict[str, InputSpec]
Body = dict[str, str]
Block = Callable[[], tuple[Inputs, Body]]

STEPS = 50  # of the LSTM
DEPTH = 30  # of the residual chain


def block_case(name: str, seed: int, dtype: DType, backends: tuple[BackendSpec, ...]) -> Case:
    """Return one block with inputs of a seed; its last node is the output."""
    inputs, body = {**BLOCKS, **HARD}[name]()
    graph = {key: Expression(text) for key, text in body.items()}
    real = tuple(key for key, spec in inputs.items() if spec.kind != "integers")
    return Case(
        f"{name} {seed}", inputs, graph, list(graph)[-1], real, backends, seed=seed, dtype=dtype
    )


def _normal(*shape: int, std: float = 1.0, mean: float = 0.0) -> InputSpec:
    return InputSpec("normal", shape, {"mean": mean, "std": std})


def _weights(*shape: int) -> InputSpec:
    """Return weights of a layer: variance 1 / fan-in."""
    fan_in = shape[0] if len(shape) == 2 else shape[1] * shape[2] * shape[3]
    return _normal(*shape, std=fan_in**-0.5)


def _classes(count: int, high: int) -> InputSpec:
    return InputSpec("integers", (count,), {"high": high})


def _mlp() -> tuple[Inputs, Body]:
    inputs = {
        "x": _normal(32, 20), "w1": _weights(20, 64), "b1": _normal(64, std=0.1),
        "w2": _weights(64, 10), "b2": _normal(10, std=0.1), "labels": _classes(32, 10),
    }  # fmt: skip
    return inputs, {
        "hidden": "relu(x @ w1 + b1)",
        "logits": "hidden @ w2 + b2",
        "loss": "cross_entropy(logits, labels)",
    }


def _layer_norm() -> tuple[Inputs, Body]:
    inputs = {"x": _normal(16, 32, std=2.0), "gamma": _normal(32), "beta": _normal(32)}
    return inputs, {"y": "layer_norm(x, gamma, beta)"}


def _layer_norm_far() -> tuple[Inputs, Body]:
    """Layer norm at mean 300: a difference of large numbers."""
    inputs = {"x": _normal(16, 32, mean=300.0), "gamma": _normal(32), "beta": _normal(32)}
    return inputs, {"y": "layer_norm(x, gamma, beta)"}


def _attention() -> tuple[Inputs, Body]:
    inputs = {name: _normal(2, 2, 12, 8) for name in "qkv"}
    return inputs, {"y": "scaled_dot_product_attention(q, k, v, causal=True)"}


def _attention_by_hand() -> tuple[Inputs, Body]:
    """Attention with projections: the bias of the keys has a true gradient of zero."""
    inputs = {"x": _normal(12, 16), "bk": _normal(16)}
    inputs |= {name: _weights(16, 16) for name in ("wq", "wk", "wv")}
    return inputs, {
        "q": "x @ wq",
        "k": "x @ wk + bk",
        "p": "softmax(q @ transpose(k) * 0.25)",
        "y": "p @ (x @ wv)",
    }


def _logsumexp() -> tuple[Inputs, Body]:
    inputs = {"x": _normal(12, 40, std=30.0, mean=200.0)}
    return inputs, {"y": "logsumexp(x, axis=-1)"}


def _cancellation() -> tuple[Inputs, Body]:
    """The variance as E[x^2] - E[x]^2, far from zero."""
    inputs = {"x": _normal(8, 64, mean=30.0)}
    return inputs, {
        "variance": "mean(square(x), axis=-1) - square(mean(x, axis=-1))",
        "y": "log(abs(variance) + 0.1)",
    }


def _long_sum() -> tuple[Inputs, Body]:
    inputs = {"x": _normal(1000, 1000), "w": _normal(1000)}
    return inputs, {"total": "mean(x * w)", "y": "total * total + tanh(total)"}


def _lstm() -> tuple[Inputs, Body]:
    width, features = 8, 6
    inputs = {
        "x": _normal(STEPS, 4, features), "w": _weights(features, 4 * width),
        "u": _weights(width, 4 * width), "b": _normal(4 * width, std=0.1),
        "h0": _normal(4, width, std=0.5), "c0": _normal(4, width, std=0.5),
    }  # fmt: skip
    body = {}
    for t in range(STEPS):
        body[f"z{t + 1}"] = f"x[{t}] @ w + h{t} @ u + b"
        i, f, g, o = (f"z{t + 1}[:, {k * width}:{(k + 1) * width}]" for k in range(4))
        body[f"c{t + 1}"] = f"sigmoid({f}) * c{t} + sigmoid({i}) * tanh({g})"
        body[f"h{t + 1}"] = f"sigmoid({o}) * tanh(c{t + 1})"
    return inputs, body


def _residual() -> tuple[Inputs, Body]:
    width = 16
    inputs: Inputs = {"h0": _normal(8, width)}
    body = {}
    for i in range(DEPTH):
        inputs[f"w{i}"] = _weights(width, width)
        body[f"h{i + 1}"] = f"h{i} + 0.5 * tanh(h{i} @ w{i})"
    return inputs, body


def _transformer() -> tuple[Inputs, Body]:
    n, d = 10, 16
    inputs = {"x": _normal(2, n, d), "w1": _weights(d, 4 * d), "w2": _weights(4 * d, d)}
    inputs |= {name: _weights(d, d) for name in ("wq", "wk", "wv", "wo")}
    inputs |= {name: _normal(d) for name in ("g1", "b1", "g2", "b2")}
    split = f"transpose(reshape({{}}, (2, {n}, 4, 4)), (0, 2, 1, 3))"
    return inputs, {
        "a": "layer_norm(x, g1, b1)",
        "q": split.format("a @ wq"),
        "k": split.format("a @ wk"),
        "v": split.format("a @ wv"),
        "heads": "scaled_dot_product_attention(q, k, v)",
        "joined": f"reshape(transpose(heads, (0, 2, 1, 3)), (2, {n}, {d}))",
        "mid": "x + joined @ wo",
        "y": "mid + gelu(layer_norm(mid, g2, b2) @ w1) @ w2",
    }


def _convolutional() -> tuple[Inputs, Body]:
    inputs = {
        "x": _normal(4, 3, 12, 12), "k1": _weights(6, 3, 3, 3), "k2": _weights(8, 6, 3, 3),
        "w": _weights(72, 5), "labels": _classes(4, 5),
    }  # fmt: skip
    return inputs, {
        "c1": "relu(conv2d(x, k1, padding=1))",
        "p1": "max_pool(c1, 2)",
        "c2": "relu(conv2d(p1, k2, padding=1))",
        "p2": "avg_pool(c2, 2)",
        "logits": "reshape(p2, (4, 72)) @ w",
        "loss": "cross_entropy(logits, labels)",
    }


def _embedding() -> tuple[Inputs, Body]:
    inputs = {
        "table": _normal(12, 10), "tokens": _classes(40, 12),
        "gamma": _normal(10, mean=1.0, std=0.2), "beta": _normal(10, std=0.2),
        "w": _weights(10, 7), "labels": _classes(40, 7),
    }  # fmt: skip
    return inputs, {
        "rows": "take(table, tokens)",
        "normed": "batch_norm(rows, gamma, beta)",
        "loss": "cross_entropy(silu(normed) @ w, labels)",
    }


def _ties() -> tuple[Inputs, Body]:
    """Kinks met exactly: frameworks may differ there, each by its own convention."""
    steps = [[(3 * i + 5 * j) % 5 - 2.0 for j in range(8)] for i in range(6)]
    tied = {"x": steps, "y": steps[::-1], "largest": steps, "signed": steps}
    inputs = {name: InputSpec("values", parameters={"values": x}) for name, x in tied.items()}
    inputs |= {name: _normal(6, 8) for name in "uv"} | {"w": _normal(6)}
    return inputs, {
        "rectified": "relu(x) * u",
        "larger": "maximum(x, y) * v",
        "top": "max(largest, axis=-1) * w",
        "z": "sum(rectified + larger + abs(signed) * u, axis=-1) * top",
    }


BLOCKS: Mapping[str, Block] = {
    "mlp": _mlp,
    "layer_norm": _layer_norm,
    "attention": _attention,
    "attention_by_hand": _attention_by_hand,
    "logsumexp": _logsumexp,
    "cancellation": _cancellation,
    "long_sum": _long_sum,
    "lstm": _lstm,
    "residual": _residual,
    "transformer": _transformer,
    "convolutional": _convolutional,
    "embedding": _embedding,
}
# Where correct implementations differ by more than rounding, and are right to: told apart by
# the float64 run alone, or by their ties. They are reported on their own.
HARD: Mapping[str, Block] = {"layer_norm_far": _layer_norm_far, "ties": _ties}
