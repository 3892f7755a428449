"""The blocks of `tensorflow_functions`: the draw of their inputs, their twins and their bugs.

The twin of a block is the same in another framework, see `tensorflow_twins`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.native import tensorflow_functions as functions
from benchmarks.native import tensorflow_twins as twins


@dataclass(frozen=True)
class Block:
    function: Callable[[str | None], Any]
    inputs: Callable[[np.random.Generator], Mapping[str, Any]]
    twin: Callable[..., Any]
    framework: str
    bugs: tuple[str, ...]


def _draws(**shapes):
    def draw(rng):
        found = {}
        for name, (shape, scale) in shapes.items():
            found[name] = rng.normal(size=shape) * scale
        return found

    return draw


def _tokens(rng):
    tokens = rng.integers(0, 20, (4, 9))
    return {
        "tokens": tokens,
        "table": rng.normal(size=(20, 12)),
        "w": rng.normal(size=(12, 12)) * 0.3,
        "targets": np.roll(tokens, -1, 1),
    }


def _labels(rng):
    labels = rng.integers(0, 10, 16)
    labels[rng.permutation(16)[:4]] = -1
    return {"x": 2 * rng.normal(size=(16, 10)), "labels": labels, "weight": rng.uniform(0.5, 2, 16)}


def _weights(model, **given):
    """Draw other inputs, and the parameters of a model anew."""

    def draw(rng):
        found = {name: rng.normal(size=shape) for name, shape in given.items()}
        for name, value in model().items():
            found[name] = rng.normal(size=value.shape) * 0.4 + (name.endswith("gamma"))
        return found

    return draw


def _lstm_weights():
    return {
        one.path.removeprefix("lstm/"): one for one in functions.lstm_layer().trainable_variables
    }


def _normed_weights():
    return {one.path: one for one in functions.normed().trainable_variables}


BLOCKS = {
    "cross-entropy, smoothed": Block(
        functions.cross_entropy,
        _labels,
        twins.cross_entropy,
        "torch",
        ("smoothing left out", "ignored rows counted", "weight detached"),
    ),
    "layer norm, GELU": Block(
        functions.feed_forward,
        _draws(x=((8, 16), 1), gain=(16, 1), shift=(16, 1), w=((16, 32), 0.3), v=((32, 16), 0.3)),
        twins.feed_forward,
        "torch",
        ("mean detached", "variance detached", "residual left out", "wrong eps", "exact gelu"),
    ),
    "RMS norm, SwiGLU": Block(
        functions.swiglu,
        _draws(
            x=((8, 16), 1),
            gain=(16, 1),
            gate=((16, 24), 0.3),
            up=((16, 24), 0.3),
            down=((24, 16), 0.3),
        ),
        twins.swiglu,
        "jax",
        ("norm detached", "wrong eps", "gelu for silu"),
    ),
    "attention, rotary": Block(
        functions.attention,
        _draws(q=((2, 10, 8), 1), k=((2, 10, 8), 1), v=((2, 10, 8), 1)),
        twins.attention,
        "torch",
        (
            "keys not rotated",
            "scale left out",
            "mask off by one",
            "softmax detached",
            "wrong sign in the rotation",
        ),
    ),
    "convolutions": Block(
        functions.convolutions,
        _draws(
            x=((3, 9, 9, 2), 1),
            kernel=((3, 3, 2, 4), 0.4),
            bias=(4, 1),
            depthwise=((3, 3, 4, 1), 0.4),
            point=((1, 1, 4, 3), 0.5),
        ),
        twins.convolutions,
        "torch",
        ("bias twice", "sum for mean", "leaky"),
    ),
    "LSTM, 20 steps": Block(
        functions.lstm,
        _draws(x=((3, 20, 3), 1), kernel=((3, 20), 0.5), recurrent=((5, 20), 0.4), bias=(20, 0.5)),
        twins.lstm,
        "jax",
        ("gates exchanged", "memory detached", "tanh left out"),
    ),
    "Keras: LSTM": Block(
        functions.keras_lstm,
        _weights(_lstm_weights, x=(3, 20, 3)),
        twins.keras_lstm,
        "torch",
        ("reversed", "last detached", "scaled"),
    ),
    "Keras: batch norm": Block(
        functions.batch_norm,
        _weights(_normed_weights, x=(4, 6, 6, 2)),
        twins.batch_norm,
        "torch",
        ("running statistics", "residual left out", "block detached"),
    ),
    "Gaussian mixture": Block(
        functions.mixture,
        _draws(x=((40, 3), 1), mean=((4, 3), 1), log_scale=((4, 3), 0.3), logit=(4, 1)),
        twins.mixture,
        "numpy",
        ("scale for variance", "determinant left out", "weights not normalized"),
    ),
    "contrastive": Block(
        functions.contrastive,
        _draws(x=((16, 12), 1), y=((16, 12), 1)),
        twins.contrastive,
        "jax",
        ("y detached", "temperature", "one direction"),
    ),
    "custom gradients, 20": Block(
        functions.chain,
        _draws(x=((6, 10), 1), w=((20, 10, 10), 0.3)),
        twins.chain,
        "jax",
        ("a term left out", "wrong sign", "a factor of 1.01"),
    ),
    "tied embedding": Block(
        functions.language,
        _tokens,
        twins.language,
        "torch",
        ("tied weight detached", "targets shifted", "sum for mean"),
    ),
    "autoencoder": Block(
        functions.autoencoder,
        _draws(
            x=((12, 14), 1),
            noise=((12, 4), 1),
            w=((14, 16), 0.3),
            v=((16, 8), 0.3),
            out=((4, 14), 0.5),
        ),
        twins.autoencoder,
        "jax",
        ("variance for scale", "target detached", "sign of the divergence"),
    ),
    "implicit solve": Block(
        functions.implicit,
        _draws(a=((10, 10), 0.5), b=((10, 3), 1)),
        twins.implicit,
        "jax",
        ("transposed", "inner detached"),
    ),
    "state space scan": Block(
        functions.scan,
        _draws(x=((20, 3, 6), 1), a=(10, 1), b=((6, 10), 0.4), c=((10, 6), 0.4)),
        twins.scan,
        "jax",
        ("tanh for sigmoid", "state detached", "reversed"),
    ),
}
