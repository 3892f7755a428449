"""A gradient that was derived by hand: run in a dtype and in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from gradcmp.case import DType
from gradcmp.errors import BackendError, GradcmpError
from gradcmp.native.arranging.arranged import Arranged
from gradcmp.native.arranging.arrangement import AS_IT_IS, Arrangement
from gradcmp.native.calling import described, named_outputs
from gradcmp.native.cotangents import Cotangents, silenced, upstream_of
from gradcmp.native.outcome import Array, Outcome, Tap
from gradcmp.native.side import Unseen
from gradcmp.native.taps import AS_THEY_COME, Counted, Held, recording
from gradcmp.native.text.raised import raised
from gradcmp.recording import numpy_dtype

SHAPES = (
    "Return the value and the gradients, (value, {'x': dx}), or the value and a pullback, "
    "(value, lambda cotangent: {'x': dx})"
)


def prepare(
    function: Callable[..., Any],
    inputs: Mapping[str, Array],
    *,
    wrt: Sequence[str] | None = None,
    cotangents: Cotangents | None = None,
    device: str = "cpu",
    seed: int = 0,
    arrangement: Arrangement | None = None,
    mode: str = "manual",
) -> Manual:
    """Return a function at given inputs, ready to be run in any way.

    It takes arrays by name and returns its value, an array or a dict of arrays, and its gradients:
    a dict by input or a tuple in the order of the inputs, or a pullback that returns them for the
    cotangents of the value.

    Raises
    ------
    InputError
        When it takes no input of such a name.
    """
    call = Arranged(function, arrangement or AS_IT_IS)
    call.require(inputs)
    real = tuple(name for name, array in inputs.items() if array.dtype.kind == "f")
    names = real if wrt is None else tuple(wrt)
    return Manual(call, dict(inputs), names, cotangents or {}, seed)


@dataclass(frozen=True)
class Manual(Unseen):
    """A hand-written gradient at given inputs."""

    call: Arranged
    inputs: Mapping[str, Array]
    wrt: tuple[str, ...]
    cotangents: Cotangents
    seed: int = 0
    held: Held = AS_THEY_COME

    framework: ClassVar[str] = "numpy"
    autocast: ClassVar[None] = None
    mode: ClassVar[str] = "manual"

    @property
    def parameters(self) -> dict[str, Array]:
        """Nothing: all is given."""
        return {}

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """The names that it can be called by."""
        return self.call.arguments

    @property
    def function(self) -> Callable[..., Any]:
        """What the user names."""
        return self.call.function

    @property
    def environment(self) -> dict[str, str]:
        """NumPy's version."""
        return {"numpy": np.__version__}

    def plain(self, dtype: DType) -> Outcome:
        """Run it in a dtype."""
        kind = numpy_dtype(dtype)
        return self._run({name: self._cast(array, kind) for name, array in self.inputs.items()})

    def clean(self, dtype: DType = "float32") -> Outcome:
        """Run it in float64."""
        return self.plain("float64")

    def at(self, inputs: Mapping[str, Array]) -> Manual:
        """Return it at other inputs."""
        return replace(self, inputs={name: inputs[name] for name in self.inputs})

    def in_mode(self, mode: str) -> Manual:
        """Return it as it is: there is one way to run it."""
        return self

    def holding(self, values: Mapping[str, Array], held: Held) -> Manual:
        """Return it with taps that hand on given values, and given gradients."""
        cotangents = silenced(self.cotangents, held.silent)
        inputs = {**self.inputs, **values}
        return replace(self, inputs=inputs, cotangents=cotangents, held=held)

    def _run(self, arrays: Mapping[str, Array]) -> Outcome:
        given, instead = self.held.given(arrays), self.held.values(arrays)
        instead |= {f"d {name}": slope for name, slope in self.held.slopes.items()}
        before = {name: array.copy() for name, array in given.items()}
        state, taps = np.random.get_state(), _Taps(self.call.arrangement.taps, instead)
        np.random.seed(self.seed)
        try:
            with np.errstate(all="ignore"), recording(taps.note):
                value, slopes = self._both(self.call(**given))
                outputs = named_outputs(self.function, _as_arrays(value))
                gradients = self._gradients(slopes, outputs, given)
        except GradcmpError:
            raise
        except Exception as error:
            raise BackendError(f"{described(self.function)} raised {raised(error)}") from error
        finally:
            np.random.set_state(state)
        changed = {n for n, array in given.items() if array.tobytes() != before[n].tobytes()}
        return Outcome(outputs, gradients, taps.pairs(), changed=frozenset(changed))

    def _both(self, result: Any) -> tuple[Any, Any]:
        if not isinstance(result, tuple) or len(result) != 2:
            kind = "None" if result is None else f"'{type(result).__name__}'"
            raise BackendError(f"{described(self.function)} returned {kind}", way_out=SHAPES)
        return result

    def _gradients(
        self, slopes: Any, outputs: Mapping[str, Array], given: Mapping[str, Array]
    ) -> dict[str, Array]:
        if callable(slopes):
            slopes = slopes(self._upstream(outputs))
        elif any(array.shape for array in outputs.values()):
            raise BackendError(
                f"{described(self.function)} returned gradients of a value that is not a scalar: "
                "of which combination of its elements cannot be known",
                way_out="Return (value, pullback)",
            )
        if not isinstance(slopes, Mapping):
            parts = slopes if isinstance(slopes, tuple | list) else (slopes,)
            names = self._differentiated(given)
            if len(parts) != len(names):
                raise BackendError(
                    f"{described(self.function)} returned {len(parts)} gradients for "
                    f"{len(names)} inputs",
                    way_out="Return a dict by input",
                )
            slopes = dict(zip(names, parts, strict=True))
        slopes = self.call.arrangement.back(slopes, given)
        return {name: np.asarray(slopes[name]) for name in self.wrt if name in slopes}

    def _differentiated(self, given: Mapping[str, Array]) -> list[str]:
        """Return the names of the arguments that hold what it is differentiated by, in order."""
        arranged, wrt = self.call.arrangement, {*self.wrt}
        held = {name: {*tree.leaves} for name, tree in arranged.trees.items()}
        arguments = arranged.arguments(given)
        others = {name for name in given if name not in wrt}
        return [n for n in arguments if n not in others and held.get(n, wrt) & wrt]

    def _upstream(self, outputs: Mapping[str, Array]) -> Any:
        made = {
            name: np.asarray(upstream_of(self.cotangents, name, array.shape)).astype(array.dtype)
            for name, array in outputs.items()
        }
        if all(name.startswith("output") for name in made):
            parts = tuple(made.values())
            return parts[0] if len(parts) == 1 else parts
        return made

    def _cast(self, array: Array, kind: np.dtype[Any]) -> Array:
        return array.astype(kind) if array.dtype.kind == "f" else array.copy()


class _Taps:
    """Values and gradients that a function tells of, each under its name: ``h`` and ``d h``.

    Parameters
    ----------
    instead : mapping of str to array
        What is to go on in place of some of them.
    """

    def __init__(self, called: Mapping[str, str], instead: Mapping[str, Array]) -> None:
        self._values, self._slopes = Counted(called), Counted(called)
        self._instead = instead
        self._found: dict[str, Array] = {}

    def note(self, name: str, value: Any) -> Any:
        """Take note of one, and return what goes on."""
        inner = name.removeprefix("d ")
        own = self._values(name) if inner == name else f"d {self._slopes(inner)}"
        self._found[own] = np.array(value)
        other = self._instead.get(own)
        return value if other is None else other.astype(self._found[own].dtype)

    def pairs(self) -> dict[str, Tap]:
        """Return each value, with its gradient where that was told."""
        return {
            name: Tap(value, self._found.get(f"d {name}"))
            for name, value in self._found.items()
            if not name.startswith("d ")
        }


def _as_arrays(value: Any) -> Any:
    """Return numbers of Python, alone or in a dict or tuple, as arrays."""
    if isinstance(value, Mapping):
        return {name: np.asarray(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [np.asarray(one) for one in value]
    return np.asarray(value)
