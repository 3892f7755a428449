"""The LSTM that ADBench publishes: two layers over a text of 1024 characters.

A graph has no loops, so that the graph is one step: it takes the state and gives the next one, and
the test runs it 1023 times forward and hands the cotangent of the state back through all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from objectives import FLOAT64, HERE, graph_of, numbers

from gradcmp.graph import backward, forward
from gradcmp.graph.walk import constants_of
from gradcmp.ops import Array

BITS, LAYERS = 14, 2
OBJECTIVE = 0.66666518  # as many digits as LstmTests.cpp has


def layer(i: int, x: str) -> dict[str, str]:
    """Return the nodes of a layer, which has no connections between its units.

    The gates are forget, in, out and change; ``h`` is the hidden state and ``c`` the cell.
    """
    gate = "{by} * main[{i}, 0, {k}] + main[{i}, 1, {k}]"
    gates = [gate.format(i=i, k=k, by=by) for k, by in enumerate((x, "h", x, "h"))]
    f, i_, o, g = (text.replace("h *", f"state[{i}, 0] *") for text in gates)
    return {
        f"c{i}": f"state[{i}, 1] * sigmoid({f}) + sigmoid({i_}) * tanh({g})",
        f"h{i}": f"sigmoid({o}) * tanh(c{i})",
    }


# `extra` is the weights of the input and of the output and the bias of the output.
STEP = {
    "entered": "x * extra[0]",
    **layer(0, "entered"),
    **layer(1, "h0"),
    "y": "h1 * extra[1] + extra[2]",
    "likelihood": "sum(following * (y - log(2 + sum(exp(y)))))",
    "step": "concat([h0, c0, h1, c1, expand_dims(likelihood, 0)])",
}


@dataclass(frozen=True)
class Published:
    """The numbers of ADBench, and the text as bits."""

    main: Array
    extra: Array
    state: Array
    gradient: Array
    bits: Array


@cache
def published() -> Published:
    lines = (HERE / "lstm.txt").read_text("utf-8").split("\n")
    marks = [i for i, line in enumerate(lines) if line.startswith("#")]
    parts = ["\n".join(lines[i + 1 : j]) for i, j in zip(marks, [*marks[1:], None], strict=True)]
    _, main, extra, state, gradient, text = parts
    bits = [[int(bit) for bit in f"{ord(c):0{BITS}b}"] for c in text.removesuffix("\n")]
    return Published(
        numbers(main).reshape(LAYERS, 2, 4, BITS),
        numbers(extra).reshape(3, BITS),
        numbers(state).reshape(LAYERS, 2, BITS),
        numbers(gradient),
        np.array(bits, FLOAT64),
    )


@cache
def computed() -> tuple[float, Array]:
    """Return the objective and its gradient with respect to all weights and biases."""
    data = published()
    inputs = {"main": data.main, "extra": data.extra, "state": data.state}
    ends = {"x": data.bits[0], "following": data.bits[1]}
    graph = graph_of(STEP, inputs | ends)
    tapes, likelihood = [], 0.0
    for x, following in zip(data.bits, data.bits[1:], strict=False):
        tape = forward(graph, inputs | {"x": x, "following": following}, constants_of(FLOAT64))
        tapes.append(tape)
        inputs["state"] = tape.values["step"][:-1].reshape(data.state.shape)
        likelihood += float(tape.values["step"][-1])
    scale = -1 / (BITS * len(tapes))
    main, extra = np.zeros_like(data.main), np.zeros_like(data.extra)
    state = np.zeros(data.state.size)
    for tape in reversed(tapes):
        slopes = backward(graph, tape, np.append(state, scale))
        main, extra = main + slopes["main"], extra + slopes["extra"]
        state = slopes["state"].ravel()
    return scale * likelihood, np.append(main, extra)


def test_the_data_is_whole() -> None:
    assert published().bits.shape == (1024, BITS)
    assert published().gradient.shape == (2 * LAYERS * 4 * BITS + 3 * BITS,)


def test_objective() -> None:
    assert computed()[0] == pytest.approx(OBJECTIVE, abs=5e-9)


def test_gradient() -> None:
    np.testing.assert_allclose(computed()[1], published().gradient, rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize(
    "spoil", [np.negative, lambda d: d * (1 + 1e-8), np.flip, lambda d: np.where(d > 0.02, 0, d)]
)
def test_a_spoiled_gradient_of_the_lstm_is_caught(spoil: Callable[[Array], Array]) -> None:
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            spoil(computed()[1]), published().gradient, rtol=1e-9, atol=1e-18
        )
