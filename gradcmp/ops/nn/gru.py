"""Gated recurrent units: a cell, and layers of cells over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcmp.ops.nn.native_recurrent import GRU, GRU_CELL
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
from gradcmp.ops.tails import logistic_slope, precise, sigmoid_value

CELL = Cell(3, ("h",))


def unroll(x: Array, states: Sequence[Array], weights: Sequence[Array]) -> Unrolled:
    """Run one layer forward in time."""
    (h,) = states
    width = np.shape(h)[-1]
    from_x, across = projected(x, weights, both=False), np.transpose(weights[1])
    before, hidden, gates = [], [], []
    for t in range(np.shape(x)[0]):
        before.append(h)
        from_h = product(h, across)
        if len(weights) == 4:
            from_h = from_h + weights[3]
        a = from_x[t][:, : 2 * width] + from_h[:, : 2 * width]
        s = sigmoid_value(a)
        r, z, held = s[:, :width], s[:, width:], from_h[:, 2 * width :]
        b = from_x[t][:, 2 * width :] + r * held
        n = np.tanh(b)
        gates.append((a, s, held, b, n))
        h = n + z * (h - n)
        hidden.append(h)

    def pullback(
        dy: Array, ends: Sequence[Array]
    ) -> tuple[Array, tuple[Array, ...], tuple[Array, ...]]:
        a, s, held, b, n = (np.stack(list(one)) for one in zip(*gates, strict=True))
        earlier = np.stack(before)
        r, z = s[..., :width], s[..., width:]
        slopes = precise(lambda s, _: s * (1 - s), lambda _, a: logistic_slope(a), s, a)
        rest = precise(lambda z, _: 1 - z, lambda _, a: sigmoid_value(-a), z, a[..., width:])
        # What comes back is dh times these, all steps at once.
        at_n = rest * tanh_slope(n, b)
        at_r = at_n * held * slopes[..., :width]
        at_z = (earlier - n) * slopes[..., width:]
        factors = np.concatenate((at_r, at_z, at_n * r), axis=-1)
        (dh,) = ends
        dhs, das = [], []
        for t in reversed(range(len(hidden))):
            dh = dh + dy[t]
            dhs.append(dh)
            da = np.concatenate((dh, dh, dh), axis=-1) * factors[t]
            das.append(da)
            dh = dh * z[t] + product(da, weights[1])
        back = np.stack(das[::-1])
        at_x = np.concatenate((back[..., : 2 * width], np.stack(dhs[::-1]) * at_n), axis=-1)
        dx, dweights = weight_cotangents(x, earlier, at_x, back, weights)
        return dx, (dh,), dweights

    return Unrolled(np.stack(hidden), (h,), pullback)


def _infer(
    x: ArraySpec,
    h0: ArraySpec | None = None,
    *weights: ArraySpec,
    bias: bool = True,
    bidirectional: bool = False,
    batch_first: bool = False,
    returns: str = "output",
) -> ArraySpec:
    stack = Stack(bias, bidirectional)
    return infer_layers(CELL, x, (h0,), weights, stack, batch_first, returns)


def gru(
    x: Array,
    h0: Array | None = None,
    *weights: Array,
    bias: bool = True,
    bidirectional: bool = False,
    batch_first: bool = False,
    returns: str = "output",
) -> tuple[Array, Pullback]:
    """Layers of gru_cell over the steps of x: weights, layouts and states as for lstm.

    returns the "output", or the state "h" after the last step.

    VJP: back through time: dh_t = dy_t + dh_(t+1) * z + da_(t+1) @ w_hh, da as in gru_cell;
    dx = da @ w_ih, dw_ih = da^T @ x, dw_hh = da^T @ h before, db = sum(da).
    Convention: torch's order r, z, n, and its reset after the product with h, as cuDNN has it.
    Keras has z, r, n and reset_after=True for the same; Flax's GRUCell has r, z, n without
    b_hh for r and z; Cho et al. reset before the product.
    Ref: Cho et al. (2014).
    """
    stack = Stack(bias, bidirectional)
    return run_layers(unroll, CELL, x, (h0,), weights, stack, batch_first, returns)


register(
    Op(
        "gru",
        gru,
        infer=_infer,
        native=GRU,
        examples=(
            Example(
                "gru(x, h0, [w, u, b, d])",
                {"x": (3, 2, 3), "h0": (1, 2, 2), "w": (6, 3), "u": (6, 2), "b": (6,), "d": (6,)},
            ),
            Example(
                "gru(x, h0, [w, u, w, u, v, u, v, u], bias=False, bidirectional=True, "
                "batch_first=True)",
                {"x": (2, 3, 3), "h0": (4, 2, 2), "w": (6, 3), "u": (6, 2), "v": (6, 4)},
            ),
            Example(
                "gru(x, None, w, u, b, d, returns='h')",
                {"x": (2, 1, 3), "w": (6, 3), "u": (6, 2), "b": (6,), "d": (6,)},
            ),
        ),
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
) -> ArraySpec:
    infer_cell(CELL, x, (h,), (w_ih, w_hh, b_ih, b_hh))
    return h


def gru_cell(
    x: Array,
    h: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
) -> tuple[Array, Pullback]:
    """The next h: (1 - z) * n + z * h, with n = tanh(a_n + r * e_n), r = s(a_r + e_r), z alike.

    a_r, a_z, a_n are the parts of x @ w_ih^T + b_ih, e_r, e_z, e_n those of h @ w_hh^T + b_hh, s
    the sigmoid. x is (samples, inputs), h (samples, width), the weights (3 width, ...) as in torch.

    VJP: da_n = dh' * (1 - z) * (1 - n^2), da_r = da_n * e_n * s'(r), da_z = dh' * (h - n) * s'(z),
    de = (da_r, da_z, da_n * r); dx = da @ w_ih, dh = dh' * z + de @ w_hh, dw_ih = da^T @ x,
    dw_hh = de^T @ h, db_ih = sum(da), db_hh = sum(de).
    Ref: Cho et al. (2014).
    """
    (after,), pullback = run_cell(unroll, x, (h,), (w_ih, w_hh, b_ih, b_hh))
    return after, lambda dy: pullback((dy,))


CELLS = {"x": (2, 3), "h0": (2, 2), "w": (6, 3), "u": (6, 2)}

register(
    Op(
        "gru_cell",
        gru_cell,
        infer=_cell_infer,
        native=GRU_CELL,
        examples=(
            Example("gru_cell(x, h0, w, u, b, d)", {**CELLS, "b": (6,), "d": (6,)}),
            Example("gru_cell(x, h0, w, u)", CELLS),
        ),
        loses_digits=True,
    )
)
