"""Long short-term memory: a cell, and layers of cells over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcmp.ops.nn.native_recurrent import LSTM, LSTM_CELL
from gradcmp.ops.nn.recurrent import (
    Cell,
    Stack,
    Unrolled,
    infer_cell,
    infer_layers,
    projected,
    run_cell,
    run_layers,
    tanh_slope,
    weight_cotangents,
)
from gradcmp.ops.primitives import magnitude, product
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback
from gradcmp.ops.tails import precise

CELL = Cell(4, ("h", "c"))


def unroll(x: Array, states: Sequence[Array], weights: Sequence[Array]) -> Unrolled:
    """Run one layer forward in time; the only matrix product of a step back is da @ w_hh."""
    h, c = states
    width = np.shape(h)[-1]
    sorted_weights = [_sigmoids_first(one, width) for one in weights]
    from_x, across = projected(x, sorted_weights), np.transpose(sorted_weights[1])
    before, memory, gates = [], [], []
    hidden = []
    for t in range(np.shape(x)[0]):
        before.append(h)
        memory.append(c)
        a = from_x[t] + product(h, across)
        logits, b = a[:, : 3 * width], a[:, 3 * width :]
        e = np.exp(-magnitude(logits))
        d = 1 + e
        s = np.where(np.real(logits) < 0, e, 1) / d
        g = np.tanh(b)
        c = s[:, width : 2 * width] * c + s[:, :width] * g
        u = np.tanh(c)
        h = s[:, 2 * width :] * u
        gates.append((e, d, s, b, g, c, u))
        hidden.append(h)

    def pullback(
        dy: Array, ends: Sequence[Array]
    ) -> tuple[Array, tuple[Array, ...], tuple[Array, ...]]:
        e, d, s, b, g, cs, u = (np.stack(list(one)) for one in zip(*gates, strict=True))
        i, f, o = _thirds(s, width)
        at_i, at_f, at_o = _thirds(
            precise(lambda s, *_: s * (1 - s), lambda _, e, d: e / (d * d), s, e, d), width
        )
        # What da is for each step once dc or dh is known, all steps at once.
        at_g = i * tanh_slope(g, b)
        factors = np.concatenate((at_i * g, at_f * np.stack(memory), at_g, at_o * u), axis=-1)
        through = o * tanh_slope(u, cs)
        dh, dc = ends
        das = []
        for t in reversed(range(len(hidden))):
            dh = dh + dy[t]
            dc = dc + dh * through[t]
            da = np.concatenate((dc, dc, dc, dh), axis=-1) * factors[t]
            dc = dc * f[t]
            dh = product(da, weights[1])
            das.append(da)
        back = np.stack(das[::-1])
        dx, dweights = weight_cotangents(x, np.stack(before), back, back, weights)
        return dx, (dh, dc), dweights

    return Unrolled(np.stack(hidden), (h, c), pullback)


def _sigmoids_first(weight: Array, width: int) -> Array:
    """Return the rows of the gates i, f, o, g: one sigmoid serves three of them."""
    return np.concatenate((weight[: 2 * width], weight[3 * width :], weight[2 * width : 3 * width]))


def _thirds(x: Array, width: int) -> list[Array]:
    return [x[..., k * width : (k + 1) * width] for k in range(3)]


def _infer(
    x: ArraySpec,
    h0: ArraySpec | None = None,
    c0: ArraySpec | None = None,
    *weights: ArraySpec,
    bias: bool = True,
    bidirectional: bool = False,
    batch_first: bool = False,
    returns: str = "output",
) -> ArraySpec:
    stack = Stack(bias, bidirectional)
    return infer_layers(CELL, x, (h0, c0), weights, stack, batch_first, returns)


def lstm(
    x: Array,
    h0: Array | None = None,
    c0: Array | None = None,
    *weights: Array,
    bias: bool = True,
    bidirectional: bool = False,
    batch_first: bool = False,
    returns: str = "output",
) -> tuple[Array, Pullback]:
    """Layers of lstm_cell over the steps of x, (steps, samples, inputs), the lowest first.

    weights are w_ih, w_hh, b_ih, b_hh of each layer, as lstm_cell has them, without the last two if
    not bias; where it is bidirectional each layer has a second set for the time that runs backward,
    and the next one's inputs are both outputs. h0 and c0 are (layers * directions, samples, width),
    or None for zeros. returns the "output", (steps, samples, directions * width), or the states
    "h" or "c" after the last step. With batch_first x and the output have the samples first.

    VJP: back through time: dh_t = dy_t + da_(t+1) @ w_hh, dc_t = f_(t+1) * dc_(t+1) +
    dh_t * o * (1 - tanh(c)^2), da_t as in lstm_cell; dx = da @ w_ih, dw_ih = da^T @ x,
    dw_hh = da^T @ h before, db = sum(da).
    Convention: the order of the gates is torch's i, f, g, o, which is Keras's i, f, c, o, with its
    weights transposed and one bias; Flax has i, f, g, o in arrays of their own.
    Ref: Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).
    """
    stack = Stack(bias, bidirectional)
    return run_layers(unroll, CELL, x, (h0, c0), weights, stack, batch_first, returns)


ONE = {"w": (8, 3), "u": (8, 2), "b": (8,), "d": (8,)}
TWO = {"w1": (8, 4), "u1": (8, 2)}
STATES = {"h0": (4, 2, 2), "c0": (4, 2, 2)}

register(
    Op(
        "lstm",
        lstm,
        infer=_infer,
        native=LSTM,
        examples=(
            Example(
                "lstm(x, h0, c0, [w, u, b, d])",
                {"x": (3, 2, 3), "h0": (1, 2, 2), "c0": (1, 2, 2), **ONE},
            ),
            Example(
                "lstm(x, h0, c0, [w, u, w, u, w1, u1, w1, u1], bias=False, bidirectional=True, "
                "batch_first=True)",
                {"x": (2, 3, 3), "w": (8, 3), "u": (8, 2), **TWO, **STATES},
            ),
            Example("lstm(x, None, None, w, u, b, d, returns='c')", {"x": (2, 1, 3), **ONE}),
            Example(
                "lstm(x, h0, None, [w, u, w, u], bias=False, returns='h', bidirectional=True)",
                {"x": (2, 2, 3), "h0": (2, 2, 2), "w": (8, 3), "u": (8, 2)},
            ),
        ),
        loses_digits=True,
    )
)


def _cell_infer(
    x: ArraySpec,
    h: ArraySpec,
    c: ArraySpec,
    w_ih: ArraySpec,
    w_hh: ArraySpec,
    b_ih: ArraySpec | None = None,
    b_hh: ArraySpec | None = None,
) -> ArraySpec:
    infer_cell(CELL, x, (h, c), (w_ih, w_hh, b_ih, b_hh))
    return ArraySpec((2, *h.shape))


def lstm_cell(
    x: Array,
    h: Array,
    c: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
) -> tuple[Array, Pullback]:
    """The next h and c, stacked: c' = s(f) * c + s(i) * tanh(g), h' = s(o) * tanh(c').

    i, f, g, o are the four parts of a = x @ w_ih^T + b_ih + h @ w_hh^T + b_hh, s the sigmoid. x is
    (samples, inputs), h and c (samples, width), the weights (4 width, ...) as in torch.

    VJP: with dc = dc' + dh' * s(o) * (1 - tanh(c')^2): da = (dc * tanh(g) * s'(i), dc * c * s'(f),
    dc * s(i) * (1 - tanh(g)^2), dh' * tanh(c') * s'(o)); dx = da @ w_ih, dh = da @ w_hh,
    dc = dc * s(f), dw_ih = da^T @ x, dw_hh = da^T @ h, db = sum(da).
    Ref: Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).
    """
    states, pullback = run_cell(unroll, x, (h, c), (w_ih, w_hh, b_ih, b_hh))
    return np.stack(list(states)), lambda dy: pullback((dy[0], dy[1]))


CELLS = {"x": (2, 3), "h0": (2, 2), "c0": (2, 2), "w": (8, 3), "u": (8, 2)}

register(
    Op(
        "lstm_cell",
        lstm_cell,
        infer=_cell_infer,
        native=LSTM_CELL,
        examples=(
            Example("lstm_cell(x, h0, c0, w, u, b, d)", {**CELLS, "b": (8,), "d": (8,)}),
            Example("lstm_cell(x, h0, c0, w, u)", CELLS),
        ),
        loses_digits=True,
    )
)
