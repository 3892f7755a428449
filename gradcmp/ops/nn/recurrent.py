"""Layers of recurrent cells: weights in a row, directions, and the way back through time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.primitives import product, total, zeros
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Pullback, ShapeError
from gradcmp.ops.static import require_bool, require_choice
from gradcmp.ops.tails import logistic_slope, precise

# Of a time that runs forward: (steps, samples, inputs), the first states, the weights of a layer.
Unroll: TypeAlias = "Callable[[Array, Sequence[Array], Sequence[Array]], Unrolled]"


@dataclass(frozen=True)
class Unrolled:
    """One layer in one direction.

    Attributes
    ----------
    hidden : array
        (steps, samples, width).
    last : tuple of array
        The states after the last step, (samples, width): h, and c for an lstm.
    pullback : callable
        Makes cotangents of `hidden` and of `last` into those of the inputs, of the first states and
        of the weights.
    """

    hidden: Array
    last: tuple[Array, ...]
    pullback: Callable[[Array, Sequence[Array]], tuple[Array, tuple[Array, ...], tuple[Array, ...]]]


@dataclass(frozen=True)
class Cell:
    """A kind of recurrent cell.

    Attributes
    ----------
    gates : int
        Rows of its weights for each unit: 4 for an lstm, 3 for a gru.
    states : tuple of str
        What is handed from step to step.
    """

    gates: int
    states: tuple[str, ...]


@dataclass(frozen=True)
class Stack:
    """How weights in a row are those of layers and directions, as torch has them.

    For each layer and, where it is bidirectional, each direction: w_ih, w_hh, b_ih, b_hh.
    """

    bias: bool
    bidirectional: bool

    @property
    def each(self) -> int:
        """Number of weights of one layer in one direction."""
        return 4 if self.bias else 2

    @property
    def directions(self) -> int:
        """1, or 2 where the time runs backward as well."""
        return 2 if self.bidirectional else 1

    def apart(self, weights: Sequence[Any]) -> list[Sequence[Any]]:
        """Return the weights of each layer and direction."""
        return [weights[i : i + self.each] for i in range(0, len(weights), self.each)]


def infer_layers(
    cell: Cell,
    x: ArraySpec,
    states: Sequence[ArraySpec | None],
    weights: Sequence[ArraySpec],
    stack: Stack,
    batch_first: bool,
    returns: str,
) -> ArraySpec:
    """Return the shape of what comes out of layers of cells.

    Raises
    ------
    ShapeError
        Saying which weight or state has which shape for which.
    """
    for name, flag in (
        ("bias", stack.bias),
        ("bidirectional", stack.bidirectional),
        ("batch_first", batch_first),
    ):
        require_bool(name, flag)
    require_choice("returns", returns, ("output", *cell.states))
    for spec in (x, *states, *weights):
        if spec is not None:
            require_float(spec)
    if len(x.shape) != 3 or 0 in x.shape:
        order = "(samples, steps, inputs)" if batch_first else "(steps, samples, inputs)"
        raise ShapeError(f"x {x.shape} is not {order}, each at least 1")
    parts = stack.apart(weights)
    if not weights or len(weights) % (stack.each * stack.directions):
        raise ShapeError(
            f"{len(weights)} weights are not {stack.each} for each layer"
            + (" and direction" if stack.bidirectional else "")
        )
    steps, samples = x.shape[:2][::-1] if batch_first else x.shape[:2]
    width = parts[0][1].shape[-1] if parts[0][1].shape else 0
    inputs = x.shape[2]
    for i, part in enumerate(parts):
        layer = i // stack.directions
        below = width * stack.directions if layer else inputs
        _require_weights(cell, below, width, part, f" of layer {layer}")
    first = (len(parts), samples, width)
    for name, state in zip(cell.states, states, strict=True):
        if state is not None and state.shape != first:
            raise ShapeError(f"{name}0 {state.shape} is not (layers, samples, width), {first}")
    if returns != "output":
        return ArraySpec(first)
    out = width * stack.directions
    return ArraySpec((samples, steps, out) if batch_first else (steps, samples, out))


def infer_cell(
    cell: Cell,
    x: ArraySpec,
    states: Sequence[ArraySpec],
    weights: Sequence[ArraySpec | None],
) -> None:
    """Refuse operands of one cell whose shapes do not fit."""
    for spec in (x, *states, *weights):
        if spec is not None:
            require_float(spec)
    if (weights[2] is None) != (weights[3] is None):
        raise ShapeError("of b_ih and b_hh one is given, and both are needed, or none")
    if len(x.shape) != 2 or 0 in x.shape:
        raise ShapeError(f"x {x.shape} is not (samples, inputs), each at least 1")
    for name, state in zip(cell.states, states, strict=True):
        if len(state.shape) != 2 or state.shape[0] != x.shape[0]:
            raise ShapeError(f"{name} {state.shape} is not (samples, width) beside x {x.shape}")
        if state.shape != states[0].shape:
            raise ShapeError(f"h {states[0].shape} and {name} {state.shape} differ in shape")
    _require_weights(cell, x.shape[1], states[0].shape[1], weights, "")


def _require_weights(
    cell: Cell, inputs: int, width: int, weights: Sequence[ArraySpec | None], where: str
) -> None:
    rows = cell.gates * width
    wanted: tuple[Shape, ...] = ((rows, inputs), (rows, width), (rows,), (rows,))
    for name, spec, shape in zip(("w_ih", "w_hh", "b_ih", "b_hh"), weights, wanted, strict=False):
        if spec is not None and (spec.shape != shape or not width):
            raise ShapeError(f"{name}{where} is {spec.shape}, and must be {shape}")


def run_cell(
    unroll: Unroll, x: Array, states: Sequence[Array], weights: Sequence[Array | None]
) -> tuple[tuple[Array, ...], Callable[[Sequence[Array]], tuple[Array, ...]]]:
    """Run one step: its new states, and what makes their cotangents into those of all operands."""
    ran = unroll(np.expand_dims(x, 0), states, [one for one in weights if one is not None])

    def pullback(dstates: Sequence[Array]) -> tuple[Array, ...]:
        dx, firsts, dweights = ran.pullback(zeros(dstates[0], np.shape(ran.hidden)), dstates)
        return np.squeeze(dx, 0), *firsts, *dweights

    return ran.last, pullback


def run_layers(
    unroll: Unroll,
    cell: Cell,
    x: Array,
    states: Sequence[Array | None],
    weights: Sequence[Array],
    stack: Stack,
    batch_first: bool,
    returns: str,
) -> tuple[Array, Pullback]:
    """Run layers of cells over time, each on the outputs of the one below it.

    No cotangent comes back to a first state that is not given.
    """
    parts, directions = stack.apart(weights), stack.directions
    hidden = np.swapaxes(x, 0, 1) if batch_first else x
    given = _first_states(x, hidden, states, parts)
    ran: list[Unrolled] = []
    for layer in range(len(parts) // directions):
        row = range(layer * directions, (layer + 1) * directions)
        for way, i in enumerate(row):
            ran.append(unroll(_turned(hidden, way), [one[i] for one in given], parts[i]))
        outs = [_turned(ran[i].hidden, way) for way, i in enumerate(row)]
        hidden = outs[0] if directions == 1 else np.concatenate(outs, axis=-1)
    which = None if returns == "output" else cell.states.index(returns)
    value = hidden if which is None else np.stack([one.last[which] for one in ran])
    if batch_first and which is None:
        value = np.swapaxes(value, 0, 1)

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        none = zeros(dy, np.shape(ran[0].last[0]))
        ends = [
            [dy[i] if j == which else none for j in range(len(cell.states))]
            for i in range(len(ran))
        ]
        back = zeros(dy, np.shape(hidden))
        if which is None:
            back = np.swapaxes(dy, 0, 1) if batch_first else dy
        width = np.shape(none)[-1]
        below: list[Array] = []
        firsts: list[tuple[Array, ...]] = []
        grads: list[tuple[Array, ...]] = []
        for i in reversed(range(len(ran))):
            way = i % directions
            mine = back[..., way * width : (way + 1) * width] if directions > 1 else back
            dx, dstates, dweights = ran[i].pullback(_turned(mine, way), ends[i])
            below.append(_turned(dx, way))
            firsts.insert(0, dstates)
            grads.insert(0, dweights)
            if way == 0:
                back = below[0] if directions == 1 else below[0] + below[1]
                below = []
        dx = np.swapaxes(back, 0, 1) if batch_first else back
        of_states = [
            None if state is None else np.stack(list(of_layers))
            for state, of_layers in zip(states, zip(*firsts, strict=True), strict=True)
        ]
        return dx, *of_states, *(one for part in grads for one in part)

    return value, pullback


def _turned(x: Array, way: int) -> Array:
    """Return the steps from the last to the first in the second direction."""
    return np.flip(x, axis=0) if way else x


def _first_states(
    x: Array, hidden: Array, states: Sequence[Array | None], parts: Sequence[Sequence[Array]]
) -> list[Array]:
    shape = (len(parts), np.shape(hidden)[1], np.shape(parts[0][1])[-1])
    return [zeros(x, shape) if one is None else one for one in states]


def projected(x: Array, weights: Sequence[Array], both: bool = True) -> Array:
    """Return x @ w_ih^T for all steps at once, with the biases: with b_ih alone unless `both`."""
    steps, samples, inputs = np.shape(x)
    flat = product(np.reshape(x, (steps * samples, inputs)), np.transpose(weights[0]))
    if len(weights) == 4:
        flat = flat + (weights[2] + weights[3] if both else weights[2])
    return np.reshape(flat, (steps, samples, np.shape(weights[0])[0]))


def weight_cotangents(
    x: Array, before: Array, da: Array, dh: Array, weights: Sequence[Array]
) -> tuple[Array, tuple[Array, ...]]:
    """Return the cotangents of x and of a layer's weights, all steps in one product each.

    Parameters
    ----------
    before : array
        The hidden state before each step.
    da, dh : array
        Cotangents of what comes from x, and of what comes from the hidden state.
    """
    rows = np.shape(da)[0] * np.shape(da)[1]

    def flat(z: Array) -> Array:
        return np.reshape(z, (rows, np.shape(z)[-1]))

    from_x = flat(da)
    from_h = from_x if dh is da else flat(dh)
    dx = np.reshape(product(from_x, weights[0]), np.shape(x))
    dw_ih = product(np.transpose(from_x), flat(x))
    dw_hh = product(np.transpose(from_h), flat(before))
    if len(weights) == 2:
        return dx, (dw_ih, dw_hh)
    db_ih = total(from_x, 0)
    return dx, (dw_ih, dw_hh, db_ih, db_ih if dh is da else total(from_h, 0))


def tanh_slope(y: Array, x: Array) -> Array:
    """Return the derivative of y = tanh(x)."""
    return precise(lambda y, _: 1 - y * y, lambda _, x: 4 * logistic_slope(2 * x), y, x)
