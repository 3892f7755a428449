"""Simple recurrent networks: a cell, and layers of cells over time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from gradcmp.ops.nn.native_recurrent import RNN, RNN_CELL
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
from gradcmp.ops.primitives import product
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback
from gradcmp.ops.static import require_choice

CELL = Cell(1, ("h",))
NONLINEARITIES = ("tanh", "relu")


def _relu(a: Array) -> Array:
    return np.where(np.real(a) <= 0, 0, a)


def unroll(
    x: Array, states: Sequence[Array], weights: Sequence[Array], nonlinearity: str = "tanh"
) -> Unrolled:
    """Run one layer forward in time."""
    (h,) = states
    from_x, across = projected(x, weights), np.transpose(weights[1])
    before, hidden, sums = [], [], []
    for t in range(np.shape(x)[0]):
        before.append(h)
        a = from_x[t] + product(h, across)
        h = np.tanh(a) if nonlinearity == "tanh" else _relu(a)
        sums.append(a)
        hidden.append(h)

    def pullback(
        dy: Array, ends: Sequence[Array]
    ) -> tuple[Array, tuple[Array, ...], tuple[Array, ...]]:
        a, y = np.stack(sums), np.stack(hidden)
        slopes = tanh_slope(y, a) if nonlinearity == "tanh" else None
        (dh,) = ends
        das = []
        for t in reversed(range(len(hidden))):
            dh = dh + dy[t]
            da = np.where(np.real(a[t]) <= 0, 0, dh) if slopes is None else dh * slopes[t]
            das.append(da)
            dh = product(da, weights[1])
        back = np.stack(das[::-1])
        dx, dweights = weight_cotangents(x, np.stack(before), back, back, weights)
        return dx, (dh,), dweights

    return Unrolled(np.stack(hidden), (h,), pullback)


def _infer(
    x: ArraySpec,
    h0: ArraySpec | None = None,
    *weights: ArraySpec,
    nonlinearity: str = "tanh",
    bias: bool = True,
    bidirectional: bool = False,
    batch_first: bool = False,
    returns: str = "output",
) -> ArraySpec:
    require_choice("nonlinearity", nonlinearity, NONLINEARITIES)
    stack = Stack(bias, bidirectional)
    return infer_layers(CELL, x, (h0,), weights, stack, batch_first, returns)


def rnn(
    x: Array,
    h0: Array | None = None,
    *weights: Array,
    nonlinearity: str = "tanh",
    bias: bool = True,
    bidirectional: bool = False,
    batch_first: bool = False,
    returns: str = "output",
) -> tuple[Array, Pullback]:
    """Layers of rnn_cell over the steps of x: weights, layouts and states as for lstm.

    returns the "output", or the state "h" after the last step.

    VJP: back through time: dh_t = dy_t + da_(t+1) @ w_hh, da as in rnn_cell; dx = da @ w_ih,
    dw_ih = da^T @ x, dw_hh = da^T @ h before, db = sum(da).
    Ref: Elman (1990).
    """
    stack = Stack(bias, bidirectional)
    one = partial(unroll, nonlinearity=nonlinearity)
    return run_layers(one, CELL, x, (h0,), weights, stack, batch_first, returns)


register(
    Op(
        "rnn",
        rnn,
        infer=_infer,
        native=RNN,
        examples=(
            Example(
                "rnn(x, h0, [w, u, b, d])",
                {"x": (3, 2, 3), "h0": (1, 2, 2), "w": (2, 3), "u": (2, 2), "b": (2,), "d": (2,)},
            ),
            Example(
                "rnn(x, h0, [w, u, w, u, v, u, v, u], bias=False, bidirectional=True, "
                "batch_first=True, nonlinearity='relu')",
                {"x": (2, 3, 4), "h0": (4, 2, 2), "w": (2, 4), "u": (2, 2), "v": (2, 4)},
            ),
            Example(
                "rnn(x, None, w, u, b, d, returns='h', nonlinearity='tanh')",
                {"x": (2, 1, 3), "w": (2, 3), "u": (2, 2), "b": (2,), "d": (2,)},
            ),
        ),
        compares=True,
        loses_digits=True,
    )
)


def _cell_infer(
    x: ArraySpec,
    h: ArraySpec,
    w_ih: ArraySpec,
    w_hh: ArraySpec,
    b_ih: ArraySpec | None = None,
    b_hh: ArraySpec | None = None,
    nonlinearity: str = "tanh",
) -> ArraySpec:
    require_choice("nonlinearity", nonlinearity, NONLINEARITIES)
    infer_cell(CELL, x, (h,), (w_ih, w_hh, b_ih, b_hh))
    return h


def rnn_cell(
    x: Array,
    h: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
    nonlinearity: str = "tanh",
) -> tuple[Array, Pullback]:
    """The next h: tanh(x @ w_ih^T + b_ih + h @ w_hh^T + b_hh), or with "relu" max(..., 0).

    x is (samples, inputs), h (samples, width), the weights (width, ...) as in torch.

    VJP: da = dh' * (1 - h'^2), or dh' where h' > 0; dx = da @ w_ih, dh = da @ w_hh,
    dw_ih = da^T @ x, dw_hh = da^T @ h, db = sum(da).
    Ref: Elman (1990).
    """
    one = partial(unroll, nonlinearity=nonlinearity)
    (after,), pullback = run_cell(one, x, (h,), (w_ih, w_hh, b_ih, b_hh))
    return after, lambda dy: pullback((dy,))


CELLS = {"x": (2, 3), "h0": (2, 2), "w": (2, 3), "u": (2, 2)}

register(
    Op(
        "rnn_cell",
        rnn_cell,
        infer=_cell_infer,
        native=RNN_CELL,
        examples=(
            Example("rnn_cell(x, h0, w, u, b, d)", {**CELLS, "b": (2,), "d": (2,)}),
            Example("rnn_cell(x, h0, w, u, nonlinearity='relu')", CELLS),
        ),
        compares=True,
        loses_digits=True,
    )
)
