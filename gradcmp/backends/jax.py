"""JAX: `jax.vjp`, op by op or compiled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias

import numpy as np

from gradcmp.backends.base import COMPILED, Backend
from gradcmp.backends.derivatives import pure
from gradcmp.backends.derivatives.jax import WAYS
from gradcmp.backends.idiom import TAB, Cell, Idiom, Outline, listed
from gradcmp.backends.job import Computed, Signature, conjugated
from gradcmp.derivatives import Asked, Derivative, names
from gradcmp.dtypes import COMPLEX, DTYPES, DType
from gradcmp.ops import Array
from gradcmp.ops.spec import CONTINUOUS
from gradcmp.recording import numpy_dtype

Tensors: TypeAlias = "dict[str, Any]"
Run: TypeAlias = Callable[[Mapping[str, Any], Any], tuple[Tensors, Tensors]]


def _written(it: Outline) -> Iterator[Cell]:
    """`jax.value_and_grad`, or `jax.vjp` for an output with axes."""
    code = ["import jax", "import jax.numpy as jnp", "", 'print("jax", jax.__version__)']
    if it.dtype == "float64":
        code.append('jax.config.update("jax_enable_x64", True)')
    for one, kind in it.inputs.items():
        real = f", dtype=jnp.{it.dtype}" if kind == "float" else ""
        code.append(f'{one} = jnp.asarray(inputs["{one}"]{real})')
    yield Cell(f"The same inputs in {it.dtype}.", "\n".join(code))
    parameters = ", ".join(it.wrt)
    code = [f"def forward({parameters}):", *it.indented, f"{TAB}return {it.output}", "", ""]
    if it.cotangent:
        upstream = f"jnp.asarray({it.cotangent}, dtype=jnp.{it.dtype})"
        code += [
            f"{it.output}, pullback = jax.vjp(forward, {parameters})",
            f"{listed(it.gradients)} = pullback({upstream})",
        ]
    else:
        differentiate = f"jax.value_and_grad(forward, argnums={tuple(range(len(it.wrt)))})"
        code.append(f"{it.output}, {listed(it.gradients)} = {differentiate}({parameters})")
    yield Cell("A function is differentiated as a whole.", "\n".join([*code, *it.shown]))


class JaxBackend(Backend):
    """`jax.vjp` with respect to the inputs and to a slot at every node.

    A slot is an array of zeros that is not added but only stands beside the node: `tap(x, slot)`
    is x, untouched to the sign of a zero, and hands its cotangent to both.
    """

    name = "jax"
    module = "jax"
    package = "jax"
    requirement = "gradcmp[jax]"
    modes = ("eager", "jit")
    dtypes: ClassVar[tuple[DType, ...]] = (*DTYPES, *COMPLEX)
    adds: ClassVar[Mapping[str, str]] = {"jit": "compilation by XLA"}
    idiom = Idiom(
        "JAX",
        "jax",
        _written,
        number="jnp.asarray({number}, dtype=jnp.{dtype})",
        names=("jnp", "forward", "pullback"),
        aliases={"jax.numpy": "jnp"},
    )
    environment_variables: ClassVar[Mapping[str, str]] = {
        "TF_CPP_MIN_LOG_LEVEL": "2",  # errors only: XLA reads TensorFlow's variable
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # other frameworks share the GPU
    }

    def __init__(self, device: str) -> None:
        import jax

        # Both are read when the first array is made: without x64 a float64 would be cut in half.
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        self.jax = jax
        self.device = self.choose_device(device)
        kind, _, index = self.device.partition(":")
        self._place = jax.devices(kind)[int(index or 0)]
        self._threads = f"{os.cpu_count()} at most"  # XLA takes what the machine has
        self._slot = _tap(jax)
        self._compiled = lru_cache(COMPILED)(self._compile)
        self._derived = lru_cache(COMPILED)(self._derivation)

    def devices(self) -> tuple[str, ...]:
        """Return the CPU and every CUDA device that JAX sees."""
        try:
            gpus = len(self.jax.devices("cuda"))
        except RuntimeError:  # how JAX says that it has no such platform
            gpus = 0
        return ("cpu", *(f"cuda:{i}" for i in range(gpus)))

    def environment(self) -> Mapping[str, str]:
        """Return versions, the device, the precision flags and what XLA was told."""
        config = self.jax.config
        return {
            "jax": self.jax.__version__,
            "device": self.device,
            "threads": self._threads,
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
            "x64": str(config.jax_enable_x64),
            "matmul_precision": str(config.jax_default_matmul_precision),
        }

    def compute(
        self, signature: Signature, inputs: Mapping[str, Array], cotangent: Array
    ) -> Computed:
        """Compute and differentiate in the mode of the signature.

        JAX's vjp is a transpose: of a real loss L it gives dL/dRe - i dL/dIm, the conjugate of
        what torch and TensorFlow call the gradient. So cotangents are conjugated on the way in,
        and gradients on the way out.
        """
        modes: dict[str, Callable[[Signature], Run]] = {
            "eager": self._eager,
            "jit": self._compiled,
        }
        run = modes[signature.mode](signature)
        with self.jax.default_device(self._place):
            arrays = {name: self.jax.numpy.asarray(array) for name, array in inputs.items()}
            values, gradients = run(arrays, self.jax.numpy.asarray(conjugated(cotangent)))
        return Computed(
            {name: np.asarray(values[name]) for name in signature.specs},
            {name: conjugated(np.asarray(gradients[name])) for name in signature.real},
        )

    def derive(
        self, signature: Signature, asked: Asked, inputs: Mapping[str, Array], cotangent: Array
    ) -> Mapping[str, Array]:
        """Differentiate as `gradcmp.backends.derivatives.jax` does, jitted where the mode is."""
        run = self._derived(signature, asked.derivative, asked.wrt)
        with self.jax.default_device(self._place):
            arrays, vs = (
                {name: self.jax.numpy.asarray(array) for name, array in by.items()}
                for by in (inputs, asked.tangents)
            )
            found = run(arrays, vs, self.jax.numpy.asarray(cotangent))
        called = names(asked.derivative, (signature.graph.output,), asked.wrt)
        return dict(zip(called, map(np.asarray, found), strict=True))

    def _derivation(
        self, signature: Signature, derivative: Derivative, wrt: tuple[str, ...]
    ) -> Callable[[Tensors, Tensors, Any], Any]:
        output, way = signature.graph.output, WAYS[derivative]

        def run(arrays: Tensors, vs: Tensors, cotangent: Any) -> Any:
            steps = self.steps(signature, self.jax.numpy.asarray)
            function = pure(self.jax, steps, output, wrt, arrays)
            xs = [arrays[name] for name in wrt]
            return way(self.jax, function, xs, [vs[name] for name in wrt], [cotangent])

        return self.jax.jit(run) if signature.mode == "jit" else run

    def _compile(self, signature: Signature) -> Run:
        run: Run = self.jax.jit(self._eager(signature))
        return run

    def _eager(self, signature: Signature) -> Run:
        jnp = self.jax.numpy
        inputs = dict(signature.inputs)
        nodes = {name: signature.specs[name] for name in signature.real if name not in inputs}
        dtypes = {name: numpy_dtype(signature.dtype_of(name)) for name in nodes}

        def run(arrays: Mapping[str, Any], cotangent: Any) -> tuple[Tensors, Tensors]:
            whole = {name: a for name, a in arrays.items() if inputs[name].kind not in CONTINUOUS}
            real = {name: a for name, a in arrays.items() if name not in whole}
            slots = {name: jnp.zeros(spec.shape, dtypes[name]) for name, spec in nodes.items()}

            def forward(real: Tensors, slots: Tensors) -> tuple[Any, Tensors]:
                def tap(name: str, tensor: Any) -> Any:
                    return self._slot(tensor, slots[name]) if name in slots else tensor

                leaves = {**real, **whole}
                values = self.evaluate(self.jax, signature, leaves, jnp.asarray, tap)
                return values[signature.graph.output], values

            _, pullback, values = self.jax.vjp(forward, real, slots, has_aux=True)
            d_real, d_slots = pullback(cotangent)
            return values, {**d_real, **d_slots}

        return run


def _tap(jax: Any) -> Callable[[Any, Any], Any]:
    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def tap(x: Any, slot: Any) -> Any:
        return x

    tap.defvjp(lambda x, slot: (x, None), lambda _, dx: (dx, dx))
    return tap  # type: ignore[no-any-return]
