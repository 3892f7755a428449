"""The compilers of torch and JAX over many examples at once, without what an adapter adds.

An adapter hands out every node and its gradient, which costs a compiler several times the op
itself. Here it is asked for the results and for the gradients of the inputs: what it makes of an
op's spelling. That an adapter's own way agrees, one op of each room shows, and tests/backends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from op_calls import Call

from gradcmp.backends import Backend
from gradcmp.backends.job import Signature, cast
from gradcmp.case import DType
from gradcmp.graph import Graph
from gradcmp.graph.walk import spec_of
from gradcmp.ops import Array


class Answer(NamedTuple):
    """What a framework says of one example: its value and the gradients of its real inputs."""

    value: Array
    gradients: Mapping[str, Array]


class Asked(NamedTuple):
    """The results `result_0`, `result_1`, … of a graph: of each call one."""

    calls: Sequence[Call]
    graph: Graph
    inputs: Mapping[str, Array]
    mode: str
    dtype: DType

    def forward(self, framework: Backend, module: Any, tensor: Callable[[Array], Any]) -> Any:
        """Return the function of a framework's tensors that computes all results."""
        specs = tuple((name, spec_of(array)) for name, array in self.inputs.items())
        signature = Signature(self.graph, self.mode, self.dtype, specs)
        steps = framework.steps(signature, tensor)

        def forward(leaves: dict[str, Any]) -> list[Any]:
            tensors = dict(leaves)
            for step in steps:
                tensors[step.name] = step.on(module, tensors)
            return [tensors[f"result_{i}"] for i in range(len(self.calls))]

        return forward

    @property
    def leaves(self) -> dict[str, Array]:
        return {name: cast(array, self.dtype) for name, array in self.inputs.items()}

    @property
    def real(self) -> list[str]:
        return [f"{n}_{i}" for i, call in enumerate(self.calls) for n in call.real_inputs]

    @property
    def reached(self) -> list[int]:
        """Which results have a gradient."""
        return [i for i, call in enumerate(self.calls) if call.op.differentiable]

    @property
    def cotangents(self) -> list[Array]:
        return [cast(self.calls[i].cotangent, self.dtype) for i in self.reached]


Gradients = dict[str, Any]
# Of XLA: what is asked is computed once, and takes less time than to make it fast. Most of that is
# for its emitters of fusions and for parts that threads compile, each with a start of its own.
HASTY = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_parallel_codegen_split_count": 1,
    "xla_cpu_use_fusion_emitters": False,
    "xla_llvm_disable_expensive_passes": True,
}


def by_torch(framework: Backend, asked: Asked) -> tuple[list[Array], Gradients]:
    """`torch.compile` with one of its backends, and autograd for all results at once."""
    torch = import_module("torch")
    adapter = import_module("gradcmp.backends.torch")

    def tensor(array: Array) -> Any:
        return adapter.to_tensor(array, "cpu")

    compiler = import_module("gradcmp.backends.torch_compile").Compiler(asked.mode)
    compiled = compiler.compiled(asked.forward(framework, torch, tensor), whole=True)
    leaves = {name: tensor(array) for name, array in asked.leaves.items()}
    real = [leaves[name].requires_grad_() for name in asked.real]
    with compiler.running("the ops"):
        results = compiled(leaves)
    pairs = zip(asked.reached, asked.cotangents, strict=True)
    upstream = {i: tensor(array) for i, array in pairs if results[i].requires_grad}
    gradients = torch.autograd.grad(
        [results[i] for i in upstream],
        real,
        [*upstream.values()],
        allow_unused=True,
        materialize_grads=True,
    )
    arrays = [adapter.to_array(each) for each in gradients]
    return [adapter.to_array(each) for each in results], dict(zip(asked.real, arrays, strict=True))


def by_jax(framework: Backend, asked: Asked) -> tuple[list[Array], Gradients]:
    """`jax.jit` around `jax.vjp` of all results at once."""
    jax = import_module("jax")
    forward = asked.forward(framework, jax, jax.numpy.asarray)

    def run(real: dict[str, Any], whole: dict[str, Any], cotangents: list[Any]) -> Any:
        def differentiable(real: dict[str, Any]) -> Any:
            results = forward({**real, **whole})
            return [results[i] for i in asked.reached], results

        _, pullback, results = jax.vjp(differentiable, real, has_aux=True)
        return results, pullback(cotangents)[0]

    leaves = asked.leaves
    real = {name: leaves.pop(name) for name in asked.real}
    compiled = jax.jit(run, compiler_options=HASTY)
    return jax.device_get(compiled(real, leaves, asked.cotangents))  # type: ignore[no-any-return]


COMPILED = {("torch", "aot_eager"): by_torch, ("jax", "jit"): by_jax}
