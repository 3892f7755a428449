"""The reference's value and gradient against HIPS autograd and torch eager, on one thread.

    pip install autograd && OMP_NUM_THREADS=1 python benchmarks/hips_autograd.py [ROUNDS]

Five functions in float64, the same formula for each; every round runs all three in turn. The
graph is parsed once, as a case does. Printed are medians, and ours over theirs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import autograd.numpy as anp
import numpy as np
import torch
from autograd import value_and_grad
from autograd.scipy.signal import convolve
from autograd.scipy.special import logsumexp

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.graph import backward, build, forward
from gradcmp.graph.walk import constants_of

Arrays = Mapping[str, Any]
FLOAT64 = np.dtype(np.float64)
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Peer:
    """One function: as a graph, with autograd's NumPy, with torch."""

    inputs: dict[str, Any]
    wrt: tuple[str, ...]
    graph: dict[str, str]
    hips: Callable[[Arrays], Any]
    torch: Callable[[Arrays], Any]


def normal(*shape: int, scale: float = 1.0) -> Any:
    return RNG.standard_normal(shape) * scale


def _cross_entropy(logits: Any, labels: Any) -> Any:
    rows = anp.arange(len(labels))
    return anp.mean(logsumexp(logits, axis=1) - logits[rows, labels])


def mlp() -> Peer:
    sizes = (64, 128, 128, 10)
    inputs: dict[str, Any] = {"X": normal(128, 64), "T": RNG.integers(0, 10, 128)}
    for i, (m, n) in enumerate(pairwise(sizes)):
        inputs |= {f"W{i}": normal(m, n, scale=0.1), f"b{i}": normal(n)}

    def hips(x: Arrays) -> Any:
        h = anp.tanh(anp.dot(x["X"], x["W0"]) + x["b0"])
        h = anp.tanh(anp.dot(h, x["W1"]) + x["b1"])
        return _cross_entropy(anp.dot(h, x["W2"]) + x["b2"], x["T"])

    def by_torch(x: Arrays) -> Any:
        h = torch.tanh(x["X"] @ x["W0"] + x["b0"])
        h = torch.tanh(h @ x["W1"] + x["b1"])
        return torch.nn.functional.cross_entropy(h @ x["W2"] + x["b2"], x["T"])

    graph = {
        "h": "tanh(X @ W0 + b0)",
        "g": "tanh(h @ W1 + b1)",
        "loss": "cross_entropy(g @ W2 + b2, T)",
    }
    return Peer(inputs, tuple(n for n in inputs if n[0] in "Wb"), graph, hips, by_torch)


def lstm() -> Peer:
    steps, samples, width = 50, 32, 64
    names = [f"{kind}{i}" for i in (0, 1) for kind in ("w", "u", "b", "d")]
    inputs: dict[str, Any] = {"x": normal(steps, samples, width)}
    for name in names:
        inputs[name] = normal(4 * width, *((width,) if name[0] in "wu" else ()), scale=0.1)

    def sigmoid(a: Any) -> Any:
        return 0.5 * (anp.tanh(a / 2) + 1)

    def hips(x: Arrays) -> Any:
        below = [x["x"][t] for t in range(steps)]
        for i in (0, 1):
            h = c = anp.zeros((samples, width))
            above = []
            for seen in below:
                a = anp.dot(seen, x[f"w{i}"].T) + x[f"b{i}"] + anp.dot(h, x[f"u{i}"].T) + x[f"d{i}"]
                gates = [a[:, k * width : (k + 1) * width] for k in range(4)]
                c = sigmoid(gates[1]) * c + sigmoid(gates[0]) * anp.tanh(gates[2])
                h = sigmoid(gates[3]) * anp.tanh(c)
                above.append(h)
            below = above
        return sum(anp.sum(h**2) for h in below)

    def by_torch(x: Arrays) -> Any:
        zero = torch.zeros(2, samples, width, dtype=torch.float64)
        weights = [x[name] for name in names]
        y, _, _ = torch.lstm(x["x"], (zero, zero), weights, True, 2, 0.0, False, False, False)
        return (y**2).sum()

    graph = {"y": f"lstm(x, None, None, {', '.join(names)})", "loss": "sum(y**2)"}
    return Peer(inputs, tuple(names), graph, hips, by_torch)


def convolutional() -> Peer:
    inputs = {
        "x": normal(16, 1, 28, 28),
        "k": normal(6, 1, 5, 5, scale=0.2),
        "m": normal(12, 6, 5, 5, scale=0.1),
        "W": normal(192, 10, scale=0.1),
        "T": RNG.integers(0, 10, 16),
    }

    def pooled(x: Any) -> Any:
        n, c, h, w = x.shape
        return anp.mean(anp.reshape(x, (n, c, h // 2, 2, w // 2, 2)), axis=(3, 5))

    def conv(x: Any, k: Any) -> Any:
        flipped = k[:, :, ::-1, ::-1]
        return convolve(x, flipped, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")

    def hips(x: Arrays) -> Any:
        h = pooled(anp.maximum(conv(x["x"], x["k"]), 0))
        h = pooled(anp.maximum(conv(h, x["m"]), 0))
        return _cross_entropy(anp.dot(anp.reshape(h, (16, 192)), x["W"]), x["T"])

    def by_torch(x: Arrays) -> Any:
        f = torch.nn.functional
        h = f.avg_pool2d(torch.relu(f.conv2d(x["x"], x["k"])), 2)
        h = f.avg_pool2d(torch.relu(f.conv2d(h, x["m"])), 2)
        return f.cross_entropy(h.reshape(16, 192) @ x["W"], x["T"])

    graph = {
        "h": "avg_pool(relu(conv2d(x, k)), 2)",
        "g": "avg_pool(relu(conv2d(h, m)), 2)",
        "loss": "cross_entropy(reshape(g, (16, 192)) @ W, T)",
    }
    return Peer(inputs, ("k", "m", "W"), graph, hips, by_torch)


def attention() -> Peer:
    inputs = {"x": normal(8, 128, 64)}
    inputs |= {name: normal(64, 64, scale=0.1) for name in ("Q", "K", "V", "O")}

    def heads(a: Any, swap: Callable[..., Any]) -> Any:
        return swap(a.reshape((8, 128, 4, 16)), (0, 2, 1, 3))

    def hips(x: Arrays) -> Any:
        q, k, v = (heads(anp.dot(x["x"], x[name]), anp.transpose) for name in "QKV")
        s = anp.matmul(q, anp.swapaxes(k, -1, -2)) / 4.0
        p = anp.exp(s - logsumexp(s, axis=-1, keepdims=True))
        y = anp.transpose(anp.matmul(p, v), (0, 2, 1, 3)).reshape((8, 128, 64))
        return anp.sum(anp.dot(y, x["O"]) ** 2)

    def by_torch(x: Arrays) -> Any:
        q, k, v = (heads(x["x"] @ x[name], torch.permute) for name in "QKV")
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        return ((y.permute(0, 2, 1, 3).reshape(8, 128, 64) @ x["O"]) ** 2).sum()

    graph = {
        **{
            name.lower(): f"transpose(reshape(x @ {name}, (8, 128, 4, 16)), (0, 2, 1, 3))"
            for name in "QKV"
        },
        "y": "scaled_dot_product_attention(q, k, v)",
        "loss": "sum((reshape(transpose(y, (0, 2, 1, 3)), (8, 128, 64)) @ O)**2)",
    }
    return Peer(inputs, ("Q", "K", "V", "O"), graph, hips, by_torch)


def gmm() -> Peer:
    """ADBench's log likelihood of a mixture with full covariances, d = 10, k = 25, n = 1000."""
    d, k, n = 10, 25, 1000
    place = np.full((d, d), d * (d - 1) // 2)  # the zero behind what is below the diagonal
    place[np.tril_indices(d, -1)] = np.arange(d * (d - 1) // 2)
    inputs = {
        "x": normal(n, d),
        "alphas": normal(k),
        "means": normal(k, d),
        "q": normal(k, d, scale=0.1),
        "l": normal(k, d * (d - 1) // 2, scale=0.1),
        "place": place,
        "zero": np.zeros((k, 1)),
    }

    def hips(x: Arrays) -> Any:
        low = anp.concatenate([x["l"], x["zero"]], axis=1)[:, place]
        c = x["x"][:, None, :] - x["means"]
        z = anp.exp(x["q"]) * c + anp.einsum("kij,nkj->nki", low, c)
        inner = x["alphas"] + anp.sum(x["q"], axis=1) - 0.5 * anp.sum(z**2, axis=2)
        return anp.sum(logsumexp(inner, axis=1)) - n * logsumexp(x["alphas"])

    def by_torch(x: Arrays) -> Any:
        low = torch.cat([x["l"], x["zero"]], dim=1)[:, x["place"]]
        c = x["x"][:, None, :] - x["means"]
        z = torch.exp(x["q"]) * c + torch.einsum("kij,nkj->nki", low, c)
        inner = x["alphas"] + x["q"].sum(1) - 0.5 * (z**2).sum(2)
        return torch.logsumexp(inner, 1).sum() - n * torch.logsumexp(x["alphas"], 0)

    graph = {
        "low": "take(concat([l, zero], axis=1), place, axis=1)",
        "c": "expand_dims(x, 1) - means",
        "z": "exp(q) * c + einsum('kij,nkj->nki', low, c)",
        "inner": "alphas + sum(q, axis=1) - 0.5 * sum(z**2, axis=2)",
        "loss": f"sum(logsumexp(inner, axis=1)) - {n} * logsumexp(alphas)",
    }
    return Peer(inputs, ("alphas", "means", "q", "l"), graph, hips, by_torch)


PEERS: dict[str, Callable[[], Peer]] = {
    "MLP, 3 layers, cross-entropy": mlp,
    "LSTM, 2 layers, 50 steps": lstm,
    "convolutional net": convolutional,
    "attention, 4 heads, length 128": attention,
    "Gaussian mixture (ADBench)": gmm,
}


def ours(peer: Peer) -> Callable[[], tuple[Any, dict[str, Any]]]:
    specs = {name: InputSpec("normal", array.shape) for name, array in peer.inputs.items()}
    nodes = {name: Expression(text) for name, text in peer.graph.items()}
    graph = build(Case("peer", specs, nodes, "loss", peer.wrt, ()))
    constants = constants_of(FLOAT64)

    def run() -> tuple[Any, dict[str, Any]]:
        tape = forward(graph, peer.inputs, constants)
        return tape.values["loss"], backward(graph, tape, np.ones(()))

    return run


def hips(peer: Peer) -> Callable[[], tuple[Any, dict[str, Any]]]:
    fixed = {name: array for name, array in peer.inputs.items() if name not in peer.wrt}
    given = {name: peer.inputs[name] for name in peer.wrt}
    both = value_and_grad(lambda wanted: peer.hips({**fixed, **wanted}))
    return lambda: both(given)


def eager(peer: Peer) -> Callable[[], tuple[Any, dict[str, Any]]]:
    tensors = {name: torch.tensor(array) for name, array in peer.inputs.items()}
    wanted = [tensors[name].requires_grad_() for name in peer.wrt]

    def run() -> tuple[Any, dict[str, Any]]:
        value = peer.torch(tensors)
        found = torch.autograd.grad(value, wanted)
        return value.item(), dict(zip(peer.wrt, found, strict=True))

    return run


def timed(runs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return medians of rounds in which each runs once, in turn."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in times.items()}


def require_same(runs: Mapping[str, Callable[[], tuple[Any, dict[str, Any]]]], wrt: Any) -> None:
    """Compare what is computed first: a wrong gradient is not a fast one."""
    (value, slopes), *others = (run() for run in runs.values())
    for other, found in others:
        np.testing.assert_allclose(float(other), float(value), rtol=1e-10)
        for name in wrt:
            np.testing.assert_allclose(np.asarray(found[name]), slopes[name], rtol=1e-7, atol=1e-9)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    torch.set_num_threads(1)
    print("| value and gradient | gradcmp | autograd | torch | / autograd | / torch |")
    print("|---|---|---|---|---|---|")
    for name, make in PEERS.items():
        peer = make()
        runs = {"ours": ours(peer), "hips": hips(peer), "torch": eager(peer)}
        require_same(runs, peer.wrt)
        found = timed(runs, rounds)
        cells = " | ".join(f"{1e3 * seconds:.1f} ms" for seconds in found.values())
        mine, theirs, its = found.values()
        print(f"| {name} | {cells} | {mine / theirs:.2f} | {mine / its:.1f} |", flush=True)


if __name__ == "__main__":
    main()
