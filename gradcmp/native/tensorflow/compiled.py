"""A function as TensorFlow compiles it: traced to a graph, which XLA may compile further."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf
from tensorflow.python.autograph.core import ag_ctx
from tensorflow.python.ops import gen_math_ops

from gradcmp.errors import BackendError
from gradcmp.native import taps
from gradcmp.native.calling import described
from gradcmp.native.outcome import Outcome
from gradcmp.native.tensorflow.precise import is_random
from gradcmp.native.tensorflow.run import Call, Named, Way
from gradcmp.native.tensorflow.stream import NARROW, WIDE, Tensor

Function = Callable[..., Any]


@dataclass(frozen=True)
class Program:
    """What was traced once: the forward pass and the backward pass in one.

    Attributes
    ----------
    run : callable
        Takes the inputs and the cotangents.
    met : set of str
        The names of the taps that were passed by; unseen where nothing is watched.
    """

    run: Function
    met: frozenset[str]
    dropped: int


@dataclass(frozen=True)
class Compiled:
    """A function that is compiled once for each of its dtypes and shapes.

    Taps are computed by a program of their own: to hand out what is inside changes what is
    compiled, and could hide what the compiler does wrong.

    Attributes
    ----------
    mode : {"graph", "xla"}
    """

    mode: str
    _known: dict[Any, Program] = field(default_factory=dict, repr=False)

    def run(self, call: Call, way: Way, clean: bool = False) -> Outcome:
        """Run it once.

        Parameters
        ----------
        clean : bool
            Whether casts from float64 to a lower dtype are left out of what is traced.
        """
        with tf.device(call.place):
            leaves = call.leaves(way)
            inside = bool(call.held.slopes)  # what hands on something else is another program
            program = self._program(call, way, leaves, clean, inside)
            found = self._ran(call, program, leaves)
            if program.met:
                tapped = self._ran(call, self._program(call, way, leaves, clean, True), leaves)
                slopes = {n: g for n, g in tapped["gradients"].items() if n not in call.wrt}
                gradients = {**found["gradients"], **slopes}
                found = {**found, "taps": tapped["taps"], "gradients": gradients}
        outcome = call.written(leaves, found)
        facts = {"mode": self.mode}
        return replace(outcome, dropped_casts=program.dropped, facts=facts)

    def _ran(self, call: Call, program: Program, leaves: Named) -> dict[str, Named]:
        tf.random.set_seed(call.seed)
        found: dict[str, Named] = program.run(leaves)
        return found

    def _program(self, call: Call, way: Way, leaves: Named, clean: bool, watched: bool) -> Program:
        shapes = tuple((name, one.dtype, tuple(one.shape)) for name, one in leaves.items())
        key = (way.dtype, way.held, clean, watched, shapes)
        if key not in self._known:
            self._known[key] = self._traced(call, way, leaves, clean, watched)
        return self._known[key]

    def _traced(self, call: Call, way: Way, leaves: Named, clean: bool, watched: bool) -> Program:
        watching = _Passing()
        way = replace(way, calls=_by_autograph, watched=watched)

        def forward(leaves: Named) -> Named:
            with taps.recording(watching.note):
                return call.forward(leaves, replace(way, watched=False), watching)

        def both(leaves: Named, upstream: Named) -> dict[str, Named]:
            found = call.both(leaves, way, upstream)
            reached = {n: g for n, g in found["gradients"].items() if g is not None}
            return {**found, "gradients": reached}

        with kept_wide() if clean else nullcontext(_Casts()) as casts:
            traced = tf.function(forward, autograph=False).get_concrete_function(leaves)
            if _draws(traced.graph):
                raise BackendError(
                    f"{described(call.subject.function)} draws random numbers, others once it is "
                    "compiled",
                    way_out="Switch dropout off, or hand the numbers over as an input",
                )
            upstream = call.upstream(traced.structured_outputs)
            compiled = tf.function(both, autograph=False, jit_compile=self.mode == "xla")
            concrete = compiled.get_concrete_function(leaves, upstream)
        met = frozenset() if watched else frozenset(watching.met)
        return Program(lambda given: concrete(given, upstream), met, casts.dropped)


class _Passing:
    """Takes note of the names of taps, and of nothing else."""

    def __init__(self) -> None:
        self.met: set[str] = set()

    def note(self, name: str, value: Any) -> Any:
        """Return the value as it is."""
        self.met.add(name)
        return value


@dataclass
class _Casts:
    """How many casts were left out."""

    dropped: int = 0


@contextmanager
def kept_wide() -> Iterator[_Casts]:
    """Leave casts from float64 to a lower dtype out of what is traced."""
    found, cast = _Casts(), gen_math_ops.cast

    def kept(x: Tensor, DstT: Any, *args: Any, **kwargs: Any) -> Tensor:
        if getattr(x, "dtype", None) == WIDE and tf.as_dtype(DstT) in NARROW:
            found.dropped += 1
            return tf.identity(x)
        return cast(x, DstT, *args, **kwargs)

    gen_math_ops.cast = kept
    try:
        yield found
    finally:
        gen_math_ops.cast = cast


def _by_autograph(function: Function) -> Function:
    """Return a function as `tf.function` reads it: its `if` and `for` may depend on tensors."""
    taps.tap.autograph_info__ = {}  # type: ignore[attr-defined]  # it is called as it is
    asked = ag_ctx.ControlStatusCtx(ag_ctx.Status.ENABLED)
    converted: Function = tf.__internal__.autograph.tf_convert(function, asked)
    return converted


def _draws(graph: Any) -> bool:
    """Whether a graph draws random numbers, in the functions that it calls as well."""
    known = graph.as_graph_def()
    nodes = [*known.node, *(node for one in known.library.function for node in one.node_def)]
    return any(is_random(node.op) for node in nodes)
