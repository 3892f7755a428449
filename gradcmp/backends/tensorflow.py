"""TensorFlow: the tape, the traced graph, and the TensorFlow 1 way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, ClassVar, TypeAlias

from gradcmp.backends.base import COMPILED, Backend
from gradcmp.backends.derivatives import pure
from gradcmp.backends.derivatives.tensorflow import WAYS, WAYS_OF_SESSIONS
from gradcmp.backends.idiom import TAB, Cell, Idiom, Outline, listed
from gradcmp.backends.job import Computed, Signature
from gradcmp.derivatives import Asked, Derivative, names
from gradcmp.dtypes import COMPLEX, DTYPES, DType
from gradcmp.ops import Array
from gradcmp.ops.primitives import Sum

Tensors: TypeAlias = "dict[str, Any]"
Run: TypeAlias = Callable[[Mapping[str, Array], Array], tuple[Tensors, Tensors]]


def _written(it: Outline) -> Iterator[Cell]:
    """`tf.GradientTape`."""
    code = ["import tensorflow as tf", "", 'print("tensorflow", tf.__version__)']
    for one, kind in it.inputs.items():
        real = f", dtype=tf.{it.dtype}" if kind == "float" else ""
        code.append(f'{one} = tf.constant(inputs["{one}"]{real})')
    yield Cell(f"The same inputs in {it.dtype}.", "\n".join(code))
    arguments = [it.output, listed(it.wrt)]
    if it.cotangent:
        arguments.append(f"output_gradients=tf.constant({it.cotangent}, dtype=tf.{it.dtype})")
    if not all(it.reached):
        arguments.append("unconnected_gradients=tf.UnconnectedGradients.ZERO")
    code = [
        "with tf.GradientTape() as tape:",
        f"{TAB}tape.watch({listed(it.wrt)})",
        *it.indented,
        f"{listed(it.gradients)} = tape.gradient({', '.join(arguments)})",
    ]
    for gradient, taken in zip(it.gradients, it.taken, strict=True):
        if taken:  # what is gathered comes back as slices
            code.append(f"{gradient} = tf.convert_to_tensor({gradient})")
    yield Cell("The tape watches the forward pass.", "\n".join([*code, *it.shown]))


def _session(it: Outline) -> Iterator[Cell]:
    """Placeholders, `tf.gradients` and a session, as TensorFlow 1 has it."""
    code = ["import tensorflow as tf", "", 'print("tensorflow", tf.__version__)']
    code += ["v1 = tf.compat.v1", "with tf.Graph().as_default() as graph:"]
    kinds = {"float": it.dtype, "int": "int64", "bool": "bool"}
    for one, kind in it.inputs.items():
        code.append(f"{TAB}{one} = v1.placeholder(tf.{kinds[kind]}, {it.shapes[one]})")
    arguments = [it.output, listed(it.wrt)]
    if it.cotangent:
        arguments.append(f"grad_ys=tf.constant({it.cotangent}, dtype=tf.{it.dtype})")
    if not all(it.reached):
        arguments.append("unconnected_gradients=tf.UnconnectedGradients.ZERO")
    code += [*it.indented, f"{TAB}{listed(it.gradients)} = tf.gradients({', '.join(arguments)})"]
    for gradient, taken in zip(it.gradients, it.taken, strict=True):
        if taken:
            code.append(f"{TAB}{gradient} = tf.convert_to_tensor({gradient})")
    yield Cell(f"The graph is built first, for inputs in {it.dtype}.", "\n".join(code))
    fetched = listed([it.output, *it.gradients])
    code = ["feed = {", *(f'{TAB}{one}: inputs["{one}"],' for one in it.inputs), "}"]
    code += ["with v1.Session(graph=graph) as session:", f"{TAB}{fetched} = session.run("]
    code += [f"{TAB * 2}{fetched}, feed", f"{TAB})"]
    yield Cell("A session computes what it is asked for.", "\n".join([*code, *it.shown]))


IDIOM = Idiom(
    "TensorFlow",
    "tf",
    _written,
    number="tf.constant({number}, dtype=tf.{dtype})",
    array="{name}.numpy()",
    names=("tape", "v1", "graph", "session", "feed"),
    returns={"tf.nn.moments": 2},
)


class TensorflowBackend(Backend):
    """Four ways to the same gradient.

    ``eager``: `tf.GradientTape`. ``graph``: `tf.function` around `tf.gradients`; ``xla``: the same,
    compiled. ``session``: placeholders, `tf.gradients` and `Session.run` with a feed_dict, through
    `tf.compat.v1`.
    """

    name = "tensorflow"
    module = "tensorflow"
    package = "tensorflow"
    requirement = "gradcmp[tensorflow]"
    modes = ("eager", "graph", "session", "xla")
    dtypes: ClassVar[tuple[DType, ...]] = (*DTYPES, *COMPLEX)
    adds: ClassVar[Mapping[str, str]] = {
        "graph": "tracing, and the optimizations of the graph",
        "xla": "compilation by XLA",
    }
    coarse_sums: ClassVar[Mapping[str, frozenset[Sum]]] = {
        "eager": frozenset(("running", "scatter", "convolved", "bias"))
    }
    idiom = replace(
        IDIOM,
        modes={"session": replace(IDIOM, title="TensorFlow 1", section=_session, array="{name}")},
    )
    environment_variables: ClassVar[Mapping[str, str]] = {
        "TF_CPP_MIN_LOG_LEVEL": "2",  # errors only: they are what explains a crash
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # other frameworks share the GPU
        "GRPC_VERBOSITY": "ERROR",
    }

    def __init__(self, device: str) -> None:
        import tensorflow as tf

        self.tf = tf
        tf.config.experimental.enable_op_determinism()
        tf.config.experimental.enable_tensor_float_32_execution(False)
        self.device = self.choose_device(device)
        self._place = self.device.replace("cuda", "gpu")  # as TensorFlow calls it
        self._threads = _threads(tf)
        self._traced = lru_cache(COMPILED)(self._trace)
        self._built = lru_cache(COMPILED)(self._build)
        self._derived = lru_cache(COMPILED)(self._derivation)

    def devices(self) -> tuple[str, ...]:
        """Return the CPU and every GPU that TensorFlow sees."""
        gpus = self.tf.config.list_physical_devices("GPU")
        return ("cpu", *(f"cuda:{i}" for i in range(len(gpus))))

    def environment(self) -> Mapping[str, str]:
        """Return versions, threads (0: TensorFlow decides), determinism and the use of TF32."""
        return {
            "tensorflow": self.tf.__version__,
            "device": self.device,
            "threads": self._threads,
            "deterministic": "True",
            "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
            "tf32": str(self.tf.config.experimental.tensor_float_32_execution_enabled()),
        }

    def compute(
        self, signature: Signature, inputs: Mapping[str, Array], cotangent: Array
    ) -> Computed:
        """Compute and differentiate in the mode of the signature."""
        modes: dict[str, Callable[[Signature], Run]] = {
            "eager": self._tape,
            "graph": self._traced,
            "session": self._built,
            "xla": self._traced,
        }
        run = modes[signature.mode](signature)
        with self.tf.device(self._place):
            values, gradients = run(inputs, cotangent)
        return Computed(
            {name: _array(values[name]) for name in signature.specs},
            {name: _array(gradients[name]) for name in signature.real},
        )

    def _tape(self, signature: Signature) -> Run:
        return partial(self._eager, signature)

    def _eager(
        self, signature: Signature, inputs: Mapping[str, Array], cotangent: Array
    ) -> tuple[Tensors, Tensors]:
        tf = self.tf
        with tf.GradientTape(watch_accessed_variables=False) as tape:

            def tap(name: str, tensor: Any) -> Any:
                alias = tf.identity(tensor)  # an op may hand back its operand itself
                if alias.dtype.is_floating or alias.dtype.is_complex:
                    tape.watch(alias)  # what is made of numbers alone is not watched by itself
                return alias

            leaves = {name: tap(name, tf.constant(array)) for name, array in inputs.items()}
            values = self.evaluate(tf, signature, leaves, tf.constant, tap)
        gradients = tape.gradient(
            values[signature.graph.output],
            [values[name] for name in signature.real],
            tf.constant(cotangent),
            tf.UnconnectedGradients.ZERO,
        )
        return values, self._dense(signature, gradients)

    def _trace(self, signature: Signature) -> Run:
        return self.tf.function(  # type: ignore[no-any-return]
            lambda inputs, cotangent: self._symbolic(signature, inputs, cotangent),
            autograph=False,
            jit_compile=signature.mode == "xla",
        )

    def _build(self, signature: Signature) -> Run:
        tf, v1 = self.tf, self.tf.compat.v1
        with tf.Graph().as_default() as graph, tf.device(self._place):
            feeds = {
                name: v1.placeholder(signature.dtype_of(name), s.shape)
                for name, s in signature.inputs
            }
            end = signature.graph.output
            upstream = v1.placeholder(signature.dtype_of(end), signature.specs[end].shape)
            fetches = self._symbolic(signature, feeds, upstream)
            session = v1.Session(graph=graph)

        def run(inputs: Mapping[str, Array], cotangent: Array) -> tuple[Tensors, Tensors]:
            feed_dict = {feeds[name]: array for name, array in inputs.items()}
            answer: tuple[Tensors, Tensors] = session.run(
                fetches, {**feed_dict, upstream: cotangent}
            )
            return answer

        return run

    def derive(
        self, signature: Signature, asked: Asked, inputs: Mapping[str, Array], cotangent: Array
    ) -> Mapping[str, Array]:
        """Differentiate as `gradcmp.backends.derivatives.tensorflow` does, in the mode."""
        run = self._derived(signature, asked.derivative, asked.wrt)
        with self.tf.device(self._place):
            found = run(inputs, asked.tangents, cotangent)
        called = names(asked.derivative, (signature.graph.output,), asked.wrt)
        return dict(zip(called, map(_array, found), strict=True))

    def _derivation(
        self, signature: Signature, derivative: Derivative, wrt: tuple[str, ...]
    ) -> Callable[[Mapping[str, Array], Mapping[str, Array], Array], Any]:
        tf, output, in_session = self.tf, signature.graph.output, signature.mode == "session"
        way = (WAYS_OF_SESSIONS if in_session else WAYS)[derivative]

        def derivation(inputs: Mapping[str, Any], vs: Mapping[str, Any], cotangent: Any) -> Any:
            leaves = {name: tf.identity(x) for name, x in inputs.items()}
            steps = self.steps(signature, tf.constant)
            function = pure(tf, steps, output, wrt, leaves)
            xs = [leaves[name] for name in wrt]
            directions = [tf.convert_to_tensor(vs[name]) for name in wrt]
            return way(tf, function, xs, directions, [tf.convert_to_tensor(cotangent)])

        if in_session:
            return lambda *given: self._once(derivation, *given)
        if signature.mode == "eager":
            return derivation
        return tf.function(  # type: ignore[no-any-return]
            derivation, autograph=False, jit_compile=signature.mode == "xla"
        )

    def _once(self, derivation: Callable[..., Any], *given: Any) -> Any:
        """Build a graph, and run it in a session, for one call: it is built of the arrays."""
        tf, v1 = self.tf, self.tf.compat.v1
        with tf.Graph().as_default() as graph, tf.device(self._place):
            fed: dict[Any, Any] = {}

            def placed(array: Any) -> Any:
                if isinstance(array, Mapping):
                    return {name: placed(one) for name, one in array.items()}
                holder = v1.placeholder(array.dtype, array.shape)
                fed[holder] = array
                return holder

            fetches = derivation(*map(placed, given))
            with v1.Session(graph=graph) as session:
                return session.run(fetches, fed)

    def _symbolic(
        self, signature: Signature, inputs: Mapping[str, Any], cotangent: Any
    ) -> tuple[Tensors, Tensors]:
        tf = self.tf
        values = self.evaluate(
            tf, signature, inputs, tf.constant, lambda _, tensor: tf.identity(tensor)
        )
        gradients = tf.gradients(
            values[signature.graph.output],
            [values[name] for name in signature.real],
            cotangent,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return values, self._dense(signature, gradients)

    def _dense(self, signature: Signature, gradients: list[Any]) -> Tensors:
        """Name the gradients; what indexing leaves as slices becomes an array."""
        dense = map(self.tf.convert_to_tensor, gradients)
        return dict(zip(signature.real, dense, strict=True))


def _threads(tf: Any) -> str:
    """Describe how many threads there are; TensorFlow refuses to change it once it computes.

    Each of the two takes it ten microseconds to tell.
    """
    threading = tf.config.threading
    return (
        f"{threading.get_intra_op_parallelism_threads()} intra-op, "
        f"{threading.get_inter_op_parallelism_threads()} inter-op"
    )


def _array(tensor: Any) -> Array:
    """Return an eager tensor, or what a session answered, as an array."""
    array: Array = tensor.numpy() if hasattr(tensor, "numpy") else tensor
    return array
