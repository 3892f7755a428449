"""Values inside of a run and their gradients: taps, and what Keras' layers return."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any

import tensorflow as tf

from gradcmp.native.taps import Counted
from gradcmp.native.tensorflow.stream import Tensor


class Watcher:
    """Takes note of tensors by name: each is one of its own, whose gradient is asked for.

    A tensor of a graph inside of the one that is run, as in a loop or a traced function, has no
    value outside of it, and is no tap.

    Attributes
    ----------
    values : dict of str to tensor
        In the order in which they were met.
    sources : dict of str to tensor
        What their gradients are taken of: those that are real.
    roots : dict of str to tensor
        What came to taps that hand on something else: the pass ends there, and begins anew.

    Parameters
    ----------
    instead : mapping of str to tensor, optional
        What some taps hand on; the tape watches it.
    """

    def __init__(
        self,
        tape: Any,
        called: Mapping[str, str] | None = None,
        instead: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._tape = tape
        self._name = Counted(called)
        self._home = _home()
        self._instead = instead or {}
        self.values: dict[str, Tensor] = {}
        self.sources: dict[str, Tensor] = {}
        self.roots: dict[str, Tensor] = {}

    def note(self, name: str, value: Any) -> Any:
        """Take note of one tensor, and return what is to be used in its place."""
        if not isinstance(value, tf.Tensor) or _home() is not self._home:
            return value
        own = self._name(name)
        alias = self._handed_on(own, value)
        mask = getattr(value, "_keras_mask", None)
        if mask is not None:
            alias._keras_mask = mask
        return alias

    def _handed_on(self, name: str, value: Tensor) -> Tensor:
        if name in self._instead:
            self.values[name] = self.roots[name] = value
            self.sources[name] = self._instead[name]
            self._tape.watch(value)
            return tf.identity(tf.cast(self._instead[name], value.dtype))
        if value.dtype.is_floating:  # by whichever way it is gone on with, as in torch
            self._tape.watch(value)
            self.sources[name] = value
        alias = tf.identity(value)
        self.values[name] = alias
        return alias


def _home() -> Any:
    """Return the graph that is being built; None where operations run at once."""
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


@contextmanager
def layers(
    note: Callable[[str, Any], Any], itself: Any = None, around_all: Any = None
) -> Iterator[None]:
    """Take note of what each layer that is called returns.

    Its name is that of the layers around it and its own, as Keras shows them: ``block.attention``.

    Parameters
    ----------
    itself : layer, optional
        What it returns is an output.
    around_all : layer, optional
        The only one that the function calls itself: in the names of the others it says nothing.
    """
    keras = sys.modules.get("keras")
    if keras is None:
        yield
        return
    called, path = keras.layers.Layer.__call__, [""]

    @wraps(called)
    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        own = "" if layer is around_all else layer.name
        path.append(f"{path[-1]}.{own}".strip("."))
        try:
            output = called(layer, *args, **kwargs)
            return output if layer is itself else _noted(path[-1] or layer.name, output, note)
        finally:
            path.pop()

    keras.layers.Layer.__call__ = call
    try:
        yield
    finally:
        keras.layers.Layer.__call__ = called


def _noted(name: str, output: Any, note: Callable[[str, Any], Any]) -> Any:
    if type(output) is dict:
        return {key: _noted(f"{name}.{key}", one, note) for key, one in output.items()}
    if type(output) in (tuple, list):
        return type(output)(_noted(f"{name}.{i}", one, note) for i, one in enumerate(output))
    return note(name, output)
