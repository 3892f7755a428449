"""Recurrent cells and layers against torch's own, by hand, and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from both_ways import assert_alike, in_torch, normal, reference, refuses

from gradcmp.backends import Backend
from gradcmp.ops import OPS, Array, ArraySpec

STEPS, SAMPLES, INPUTS, WIDTH = 4, 3, 5, 2
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
STATES = {"lstm": ("h", "c"), "gru": ("h",), "rnn": ("h",)}
KINDS = tuple(GATES)
# By torch's name: the op, and its keyword.
LAYERS: dict[str, tuple[str, dict[str, str]]] = {
    "lstm": ("lstm", {}),
    "gru": ("gru", {}),
    "rnn_tanh": ("rnn", {}),
    "rnn_relu": ("rnn", {"nonlinearity": "relu"}),
}


def weights(kind: str, layers: int, directions: int, bias: bool) -> list[Array]:
    """Return random weights in torch's order."""
    rows, made = GATES[kind] * WIDTH, []
    for layer in range(layers):
        inputs = WIDTH * directions if layer else INPUTS
        for _ in range(directions):
            made += [normal(rows, inputs), normal(rows, WIDTH)]
            made += [normal(rows), normal(rows)] if bias else []
    return made


@pytest.mark.parametrize("own", LAYERS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_layers_are_torchs(
    adapter: Callable[[str], Backend],
    own: str,
    bias: bool,
    bidirectional: bool,
    batch_first: bool,
) -> None:
    torch: Any = adapter("torch").torch  # type: ignore[attr-defined]
    kind, static = LAYERS[own]
    directions = 2 if bidirectional else 1
    x = normal(SAMPLES, STEPS, INPUTS) if batch_first else normal(STEPS, SAMPLES, INPUTS)
    states = [normal(2 * directions, SAMPLES, WIDTH) for _ in STATES[kind]]
    operands = [x, *states, *weights(kind, 2, directions, bias)]

    def function(which: int) -> Callable[..., Any]:
        def run(x: Any, *rest: Any) -> Any:
            first: Any = rest[: len(states)] if len(states) > 1 else rest[0]
            held = list(rest[len(states) :])
            flags = (bias, 2, 0.0, True, bidirectional, batch_first)
            return getattr(torch, own)(x, first, held, *flags)[which]

        return run

    for which, returns in enumerate(("output", *STATES[kind])):
        actual = reference(
            kind,
            *operands,
            bias=bias,
            bidirectional=bidirectional,
            batch_first=batch_first,
            returns=returns,
            **static,
        )
        expected = in_torch(torch, function(which), operands)
        # A state after the last step may depend on no weight of the other direction.
        unused = set(actual.gradients) - set(expected.gradients)
        assert not any(actual.gradients[i].any() for i in unused)
        assert_alike(actual, expected, tuple(unused))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_layers_are_their_cell_step_by_step(kind: str, bias: bool) -> None:
    x, held = normal(STEPS, SAMPLES, INPUTS), weights(kind, 1, 1, bias)
    states = [np.zeros((SAMPLES, WIDTH)) for _ in STATES[kind]]
    found = []
    for t in range(STEPS):
        after = OPS[f"{kind}_cell"].reference(x[t], *states, *held)[0]
        states = list(after) if len(states) > 1 else [after]
        found.append(states[0])
    none: list[Any] = [None] * len(states)
    actual, pullback = OPS[kind].reference(x, *none, *held, bias=bias)
    np.testing.assert_allclose(actual, np.stack(found), rtol=1e-13)
    assert pullback(actual)[1 : 1 + len(states)] == (None,) * len(states)


def test_an_lstm_cell_with_a_pencil() -> None:
    """All gates at log 3: i = f = o = 3 / 4, and tanh(g) = 4 / 5."""
    a = math.log(3)
    found = reference(
        "lstm_cell",
        *(np.ones((1, 1)), np.zeros((1, 1)), np.full((1, 1), 2.0)),
        *(np.full((4, 1), a), np.zeros((4, 1))),
        dy=[[[0]], [[1]]],
    )
    assert found.value[1].item() == pytest.approx(0.75 * 2 + 0.75 * 0.8, rel=1e-15)
    assert found.value[0].item() == pytest.approx(0.75 * math.tanh(2.1), rel=1e-15)
    assert found.gradients[2].item() == pytest.approx(0.75, rel=1e-15)
    by_gate = [0.8 * 3 / 16, 2 * 3 / 16, 0.75 * (1 - 0.64), 0]
    np.testing.assert_allclose(found.gradients[3][:, 0], by_gate, rtol=1e-14)


def test_a_gru_resets_after_the_product() -> None:
    """With r = z = 1 / 2 and n = tanh(1 / 2 (3 h)): Keras calls it reset_after."""
    zeros = np.zeros((3, 1))
    across = np.array([[0.0], [0.0], [3.0]])
    found = reference("gru_cell", np.ones((1, 1)), np.full((1, 1), 0.5), zeros, across, dy=[[1]])
    n = math.tanh(0.75)
    assert found.value.item() == pytest.approx((n + 0.5) / 2, rel=1e-15)
    slope = (1 - n * n) / 2
    assert found.gradients[1].item() == pytest.approx(0.5 + slope * 1.5, rel=1e-14)


def test_gates_that_are_shut_keep_their_digits() -> None:
    """The slope of a sigmoid at 60 is exp(-60), and no 0."""
    w_ih = np.array([[0.0], [60.0], [0.0], [0.0]])
    found = reference(
        "lstm_cell",
        *(np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 1)), w_ih, np.zeros((4, 1))),
        dy=[[[0]], [[1]]],
    )
    assert found.gradients[3][1, 0] == pytest.approx(math.exp(-60), rel=1e-12)


X = ArraySpec((4, 3, 5))
LSTM: dict[str, Sequence[int]] = {"w": (8, 5), "u": (8, 2), "b": (8,), "h": (1, 3, 2)}
REFUSED = [
    ("lstm(x, None, None, w, u, b)", {}, "3 weights are not 4 for each layer"),
    ("lstm(x, None, None, w, u, b, b, bidirectional=True)", {}, "for each layer and direction"),
    ("lstm(x, None, None, w, u, w, u, bias=False)", {}, r"w_ih of layer 1 is \(8, 5\)"),
    ("lstm(x, h, None, w, w, b, b)", {}, r"w_ih of layer 0 is \(8, 5\), and must be \(20, 5\)"),
    ("lstm(x, h, h, w, u, b, b)", {"h": (2, 3, 2)}, r"h0 \(2, 3, 2\) is not"),
    ("lstm(x, h, h, w, u, b, b, returns='y')", {}, "returns is 'y'"),
    ("lstm(b, h, h, w, u, b, b)", {}, r"x \(8,\) is not \(steps, samples, inputs\)"),
    ("lstm(x, h, h, w, u, b, b, batch_first=1)", {}, "batch_first is 1"),
    ("gru(x, None, w, u, b, b)", {"w": (6, 5)}, r"w_hh of layer 0 is \(8, 2\), .* \(6, 2\)"),
    ("rnn(x, None, w, u, b, b, nonlinearity='elu')", {}, "nonlinearity is 'elu'"),
    ("lstm_cell(u, u, u, w, u, b)", {}, "both are needed"),
    ("gru_cell(w, u, w, u)", {}, r"w_ih is \(8, 5\), and must be \(6, 5\)"),
    ("rnn_cell(w, x, w, u)", {}, "is not .samples, width."),
]


@pytest.mark.parametrize(("text", "shapes", "reason"), REFUSED, ids=[r[0] for r in REFUSED])
def test_is_refused(text: str, shapes: dict[str, Sequence[int]], reason: str) -> None:
    specs = {"x": X} | {n: ArraySpec(tuple(shape)) for n, shape in {**LSTM, **shapes}.items()}
    used = re.findall(r"\b[a-z]\b", text)
    refuses(text, {name: spec for name, spec in specs.items() if name in used}, reason)
