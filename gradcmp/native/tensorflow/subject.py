"""What a user hands over: a function of TensorFlow, a layer or a model of Keras, or both in one."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from gradcmp.dtypes import DType
from gradcmp.dtypes.arrays import numpy_dtype
from gradcmp.errors import InputError, did_you_mean
from gradcmp.inputs import round_to
from gradcmp.native.arranging.arranged import arguments_of
from gradcmp.native.arranging.arrangement import AS_IT_IS, Arrangement, gathered
from gradcmp.native.calling import by_place, described
from gradcmp.native.outcome import Array
from gradcmp.native.tensorflow.stream import Tensor

Call: TypeAlias = Callable[..., Any]
CONTEXT = frozenset(("training", "mask"))  # what Keras fills in by itself


@dataclass(frozen=True)
class Subject:
    """A callable of the user, to be called by the names of its inputs.

    Attributes
    ----------
    function : callable
        As the user names it.
    layers : tuple of layer
        Of Keras: itself, the one that it is a method of, or those that it calls.
    """

    function: Call
    layers: tuple[Any, ...] = ()
    arrangement: Arrangement = AS_IT_IS

    @property
    def itself(self) -> Any:
        """The layer that it is or is a part of; None of a function that may call some."""
        return layer_of(self.function)

    @property
    def around_all(self) -> Any:
        """The only layer that it is or calls itself; None where there are several, or none."""
        return self.layers[0] if len(self.layers) == 1 else None

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The trainable variables that are further inputs: none where others are handed over."""
        return {} if self.arrangement.parameters is not None else self._trained

    @cached_property
    def _trained(self) -> dict[str, Any]:
        """The trainable variables by the names that Keras shows."""
        return {name: one for name, one in self._named if one.trainable}

    @cached_property
    def state(self) -> tuple[Any, ...]:
        """All other variables: running statistics, and what random numbers are drawn from."""
        return tuple(one for _, one in self._named if not one.trainable)

    @cached_property
    def _named(self) -> list[tuple[str, Any]]:
        """Variables by their paths, without the name of a layer that all of them are in."""
        found = {id(one): one for layer in self.layers for one in layer.variables}
        paths = [one.path for one in found.values()]
        first = f"{self.around_all.name}/" if self.around_all is not None else ""
        trained = [one.path for one in found.values() if one.trainable]
        if first and all(path.startswith(first) for path in trained):
            paths = [path.removeprefix(first) for path in paths]
        return [*zip(paths, found.values(), strict=True)]

    def arrays(self) -> dict[str, Array]:
        """Return the parameters as they are."""
        return {name: np.asarray(one.numpy()) for name, one in self.parameters.items()}

    @contextmanager
    def holding(self, dtype: DType, values: Mapping[str, Tensor], held: DType) -> Iterator[None]:
        """Compute in a dtype, with other values of its parameters; nothing of it stays.

        Parameters
        ----------
        held : str
            What running statistics are rounded to first: the dtype under test.
        """
        if not self.layers:
            yield
            return
        import keras

        scope = keras.StatelessScope(initialize_variables=False)
        for name, variable in self._trained.items():
            left = name not in values
            scope.add_update((variable, _state(variable, dtype, held) if left else values[name]))
        for variable in self.state:
            scope.add_update((variable, _state(variable, dtype, held)))
        with ExitStack() as stack:
            for layer in {id(o): o for one in self.layers for o in one._flatten_layers()}.values():
                if layer.compute_dtype != dtype and "float" in layer.compute_dtype:
                    stack.callback(setattr, layer, "dtype_policy", layer.dtype_policy)
                    layer.dtype_policy = keras.DTypePolicy(dtype)
            for variable in (*self._trained.values(), *self.state):
                if "float" in variable.dtype:
                    stack.callback(setattr, variable, "_dtype", variable._dtype)
                    variable._dtype = dtype
            if dtype == "float64":
                stack.callback(keras.config.set_floatx, keras.config.floatx())
                keras.config.set_floatx(dtype)
            stack.enter_context(scope)
            yield

    def arranged(self, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values of its variables, and what it is called with.

        A function that is handed parameters may leave the variables of layers that it calls alone.

        Raises
        ------
        InputError
            Where one of its variables is not handed over.
        """
        given = {name: one for name, one in tensors.items() if name not in self.parameters}
        arguments = self.arrangement.arguments(given)
        own = {n: one for n, one in tensors.items() if n in self.parameters}
        if self.arrangement.parameters is not None:
            if self.itself is not None:
                for name in self._trained.keys() - arguments.keys():
                    what = described(self.function)
                    raise InputError(f"parameter '{name}' of {what} is not handed over")
            own = {name: arguments.pop(name) for name in self._trained if name in arguments}
        names = arguments_of(self.function)
        return own, gathered(arguments, names or (), names is None)

    def call(self, tensors: Mapping[str, Tensor], through: Callable[[Call], Call]) -> Any:
        """Call it with its inputs, by name where it knows the names.

        Parameters
        ----------
        through : callable
            What it is called through; Keras' layers are called as they are.
        """
        names = _taken(self.function)
        function = self.function if self.itself is not None else through(self.function)
        if names is None or tensors.keys() <= names:
            return by_place(function, tensors)
        if self._known and len(tensors) > 1:
            return function(dict(tensors))
        return function(*tensors.values())

    def require(self, inputs: Collection[str]) -> None:
        """Refuse inputs that it does not take by name; a layer's only operand may have any.

        Raises
        ------
        InputError
            For a name that it does not know.
        """
        names = _taken(self.function)
        if self.arrangement.parameters is not None:  # how they are called is not known yet
            return
        inputs = self.arranged(dict.fromkeys(inputs))[1]
        if names is None or {*inputs} <= names:
            return
        if self.itself is not None and (len(inputs) == 1 or {*inputs} == {*self._known}):
            return
        known = self._known or [name for name in names if name not in CONTEXT]
        for name in {*inputs} - {*known}:
            way_out = did_you_mean(name, known) or f"Its inputs are {', '.join(known)}"
            raise InputError(f"{described(self.function)} takes no '{name}'", way_out=way_out)

    @property
    def _known(self) -> list[str]:
        """The names of a functional model's inputs."""
        return [one.name for one in getattr(self.itself, "inputs", None) or ()]


def subject_of(
    function: Call, inputs: Mapping[str, Array], arrangement: Arrangement = AS_IT_IS
) -> Subject:
    """Return a function with the layers that it is or calls; those that wait for inputs are built.

    What it raises is no concern here: it will raise it again when it is run.
    """
    layer = layer_of(function)
    if layer is not None and layer.built:
        return Subject(function, (layer,), arrangement)
    if "keras" not in sys.modules:
        return Subject(function, (), arrangement)
    met: dict[int, Any] = {}
    names = _taken(function)  # all else are names of variables, which are not known yet
    tensors = {name: tf.constant(_single(array)) for name, array in inputs.items()}
    bare = Subject(function, () if layer is None else (layer,))
    import keras

    with keras.StatelessScope(), _outermost(met), suppress(Exception):
        arguments = Subject(function, (), arrangement).arranged(tensors)[1]
        taken = arguments if layer is not None or names is None else names
        given = {name: one for name, one in arguments.items() if name in taken}
        bare.call(given, lambda function: function)
    return Subject(function, tuple(met.values()) if layer is None else (layer,), arrangement)


def layer_of(function: Call) -> Any:
    """Return the layer that a function is, is a method of, or is with some operands given."""
    keras = sys.modules.get("keras")
    while isinstance(function, functools.partial):
        function = function.func
    if keras is not None:
        for one in (function, getattr(function, "__self__", None)):
            if isinstance(one, keras.layers.Layer):
                return one
    return None


@contextmanager
def _outermost(met: dict[int, Any]) -> Iterator[None]:
    """Take note of the layers that are called, those inside of others left out."""
    import keras

    called, depth = keras.layers.Layer.__call__, [0]

    @functools.wraps(called)
    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if not depth[0]:
            met[id(layer)] = layer
        depth[0] += 1
        try:
            return called(layer, *args, **kwargs)
        finally:
            depth[0] -= 1

    keras.layers.Layer.__call__ = call
    try:
        yield
    finally:
        keras.layers.Layer.__call__ = called


def _taken(function: Call) -> frozenset[str] | None:
    """Return the names that a function takes; None of one that takes any."""
    layer, called = layer_of(function), function
    if layer is not None and id(layer) == id(function):
        called = layer.call
    try:
        known = inspect.signature(called).parameters
    except (TypeError, ValueError):
        return None
    if layer is None and any(one.kind is one.VAR_KEYWORD for one in known.values()):
        return None
    return frozenset(n for n, one in known.items() if one.kind is not one.VAR_KEYWORD)


def _state(variable: Any, dtype: DType, held: DType) -> Tensor:
    with tf.init_scope():  # out of what is being traced
        array = np.asarray(variable.numpy())
    if "float" not in variable.dtype:
        return tf.constant(array)
    return tf.constant(round_to(array.astype(np.float64), held).astype(numpy_dtype(dtype)))


def _single(array: Array) -> Array:
    return array.astype(np.float32) if array.dtype.kind == "f" else array
