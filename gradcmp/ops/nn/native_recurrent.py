"""How the frameworks spell recurrent cells and layers of them.

torch has kernels of its own; TensorFlow and JAX scan over the steps, as layers of Keras and Flax
do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gradcmp.ops.nn.recurrent import Stack
from gradcmp.ops.spec import Native

Step: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class _Words:
    """What a framework calls what cells are made of.

    Attributes
    ----------
    product : callable
        ``x, w -> x @ w^T``.
    scan : callable
        ``step, states, xs -> hidden, last states``, `step` making the states of the next step.
    """

    sigmoid: Native
    tanh: Native
    relu: Native
    product: Native
    scan: Callable[[Step, Sequence[Any], Any], tuple[Any, Sequence[Any]]]
    flip: Native
    concat: Native
    stack: Native
    swap: Native
    zeros: Callable[[Any, tuple[int, ...]], Any]


def _tensorflow(tf: Any) -> _Words:
    def scan(step: Step, states: Sequence[Any], xs: Any) -> tuple[Any, Sequence[Any]]:
        if len(states) == 1:
            found = [tf.scan(lambda carry, a: step((carry,), a)[0], xs, states[0])]
        else:
            ran = tf.scan(step, xs, tuple(states))
            found = [ran[i] for i in range(len(states))]
        return found[0], [one[-1] for one in found]

    return _Words(
        tf.sigmoid,
        tf.tanh,
        tf.nn.relu,
        lambda x, w: tf.matmul(x, w, transpose_b=True),
        scan,
        lambda x: tf.reverse(x, [0]),
        lambda parts: tf.concat(parts, axis=-1),
        tf.stack,
        lambda x: tf.transpose(x, (1, 0, 2)),
        lambda x, shape: tf.zeros(shape, x.dtype),
    )


def _jax(jax: Any) -> _Words:
    jnp = jax.numpy

    def scan(step: Step, states: Sequence[Any], xs: Any) -> tuple[Any, Sequence[Any]]:
        def once(carry: Any, a: Any) -> Any:
            new = step(carry, a)
            return new, new[0]

        ran = jax.lax.scan(once, tuple(states), xs)
        return ran[1], [ran[0][i] for i in range(len(states))]

    return _Words(
        jax.nn.sigmoid,
        jnp.tanh,
        jax.nn.relu,
        lambda x, w: x @ w.T,
        scan,
        lambda x: jnp.flip(x, 0),
        lambda parts: jnp.concatenate(parts, axis=-1),
        jnp.stack,
        lambda x: jnp.swapaxes(x, 0, 1),
        lambda x, shape: jnp.zeros(shape, x.dtype),
    )


def _parts(a: Any, width: int, gates: int) -> list[Any]:
    return [a[:, i * width : (i + 1) * width] for i in range(gates)]


def _lstm_step(words: _Words, weights: Sequence[Any]) -> Step:
    def step(carry: Any, a: Any) -> tuple[Any, ...]:
        h, c = carry[0], carry[1]
        i, f, g, o = _parts(a + words.product(h, weights[1]), weights[1].shape[-1], 4)
        c = words.sigmoid(f) * c + words.sigmoid(i) * words.tanh(g)
        return words.sigmoid(o) * words.tanh(c), c

    return step


def _gru_step(words: _Words, weights: Sequence[Any]) -> Step:
    def step(carry: Any, a: Any) -> tuple[Any, ...]:
        h, width = carry[0], weights[1].shape[-1]
        e = words.product(h, weights[1])
        e = e + weights[3] if len(weights) == 4 else e
        (a_r, a_z, a_n), (e_r, e_z, e_n) = _parts(a, width, 3), _parts(e, width, 3)
        n = words.tanh(a_n + words.sigmoid(a_r + e_r) * e_n)
        return (n + words.sigmoid(a_z + e_z) * (h - n),)

    return step


def _rnn_step(words: _Words, weights: Sequence[Any], nonlinearity: str = "tanh") -> Step:
    def step(carry: Any, a: Any) -> tuple[Any, ...]:
        return (getattr(words, nonlinearity)(a + words.product(carry[0], weights[1])),)

    return step


@dataclass(frozen=True)
class _Kind:
    """A kind of cell as frameworks spell it.

    Attributes
    ----------
    name : str
        What torch calls it.
    states : tuple of str
        What is handed from step to step.
    step : callable
        ``words, weights, **static -> step``.
    summed : bool
        Whether both biases are added to the inputs before the loop.
    """

    name: str
    states: tuple[str, ...]
    step: Callable[..., Step]
    summed: bool = True

    def in_torch(self, nonlinearity: str = "tanh") -> str:
        """Return what torch calls it: of rnn there is one for each function."""
        return f"{self.name}_{nonlinearity}" if self.name == "rnn" else self.name

    def from_x(self, words: _Words, x: Any, weights: Sequence[Any]) -> Any:
        """Return x @ w_ih^T and the biases that do not go through a gate."""
        a = words.product(x, weights[0])
        if len(weights) < 4:
            return a
        return a + (weights[2] + weights[3]) if self.summed else a + weights[2]

    def cell(self, words: Callable[[Any], _Words]) -> Native:
        """Return the spelling of one step."""

        def native(module: Any, x: Any, *operands: Any, **static: Any) -> Any:
            known, count = words(module), len(self.states)
            weights = [one for one in operands[count:] if one is not None]
            step = self.step(known, weights, **static)
            after = step(operands[:count], self.from_x(known, x, weights))
            return after[0] if count == 1 else known.stack(list(after))

        return native

    def cell_in_torch(self, torch: Any, x: Any, *operands: Any, **static: Any) -> Any:
        """Return torch's own step."""
        function = getattr(torch, f"{self.in_torch(**static)}_cell")
        if len(self.states) == 1:
            return function(x, *operands)
        after = function(x, operands[:2], *operands[2:])
        return torch.stack([after[0], after[1]])

    def layers(self, words: Callable[[Any], _Words]) -> Native:
        """Return the spelling of layers that scan over the steps."""

        def native(
            module: Any,
            x: Any,
            *operands: Any,
            bias: bool = True,
            bidirectional: bool = False,
            batch_first: bool = False,
            returns: str = "output",
            **static: Any,
        ) -> Any:
            known, stack, count = words(module), Stack(bias, bidirectional), len(self.states)
            parts = stack.apart(operands[count:])
            samples = x.shape[0] if batch_first else x.shape[1]
            shape = (samples, parts[0][1].shape[-1])
            hidden = known.swap(x) if batch_first else x
            ends: list[Sequence[Any]] = []
            for layer in range(len(parts) // stack.directions):
                outs = []
                for way in range(stack.directions):
                    i = layer * stack.directions + way
                    first = [known.zeros(x, shape) if s is None else s[i] for s in operands[:count]]
                    turned = known.flip(hidden) if way else hidden
                    step = self.step(known, parts[i], **static)
                    out, end = known.scan(step, first, self.from_x(known, turned, parts[i]))
                    outs.append(known.flip(out) if way else out)
                    ends.append(end)
                hidden = known.concat(outs) if bidirectional else outs[0]
            if returns != "output":
                which = self.states.index(returns)
                return known.stack([end[which] for end in ends])
            return known.swap(hidden) if batch_first else hidden

        return native

    def layers_in_torch(
        self,
        torch: Any,
        x: Any,
        *operands: Any,
        bias: bool = True,
        bidirectional: bool = False,
        batch_first: bool = False,
        returns: str = "output",
        **static: Any,
    ) -> Any:
        """Return torch's own layers: what its modules call."""
        stack, count = Stack(bias, bidirectional), len(self.states)
        weights = list(operands[count:])
        layers = len(weights) // stack.each // stack.directions
        samples = x.shape[0] if batch_first else x.shape[1]
        shape = (layers * stack.directions, samples, weights[1].shape[-1])
        first = [
            torch.zeros(shape, dtype=x.dtype, device=x.device) if one is None else one
            for one in operands[:count]
        ]
        function = getattr(torch, self.in_torch(**static))
        states = first[0] if count == 1 else first
        ran = function(x, states, weights, bias, layers, 0.0, True, bidirectional, batch_first)
        return ran[0] if returns == "output" else ran[1 + self.states.index(returns)]

    @property
    def of_cell(self) -> dict[str, Native]:
        """Its spellings as one step."""
        return {
            "torch": self.cell_in_torch,
            "tensorflow": self.cell(_tensorflow),
            "jax": self.cell(_jax),
        }

    @property
    def of_layers(self) -> dict[str, Native]:
        """Its spellings as layers."""
        return {
            "torch": self.layers_in_torch,
            "tensorflow": self.layers(_tensorflow),
            "jax": self.layers(_jax),
        }


_LSTM = _Kind("lstm", ("h", "c"), _lstm_step)
_GRU = _Kind("gru", ("h",), _gru_step, summed=False)
_RNN = _Kind("rnn", ("h",), _rnn_step)
LSTM, LSTM_CELL = _LSTM.of_layers, _LSTM.of_cell
GRU, GRU_CELL = _GRU.of_layers, _GRU.of_cell
RNN, RNN_CELL = _RNN.of_layers, _RNN.of_cell
