"""PyTorch: autograd, run op by op or compiled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from gradcmp.backends.base import COMPILED, Backend
from gradcmp.backends.derivatives import pure
from gradcmp.backends.derivatives.torch import COMPILED as COMPILED_WAYS
from gradcmp.backends.derivatives.torch import WAYS
from gradcmp.backends.idiom import Cell, Idiom, Outline
from gradcmp.backends.job import Computed, Signature
from gradcmp.backends.torch_compile import ADDS, EAGER, Compiler
from gradcmp.derivatives import Asked, Derivative, names
from gradcmp.dtypes import COMPLEX, DTYPES, DType
from gradcmp.ops import Array
from gradcmp.ops.primitives import Sum
from gradcmp.recording import BFLOAT16

Tensors: TypeAlias = "dict[str, Any]"
Run: TypeAlias = "Callable[[Signature, Mapping[str, Array]], Ran]"


class Ran(NamedTuple):
    """All values, the tensors whose gradients are those of the nodes, and what else is to tell."""

    values: Tensors
    watched: Tensors
    facts: Mapping[str, str] = MappingProxyType({})


def _written(it: Outline) -> Iterator[Cell]:
    """`backward()`, as in every tutorial."""
    code = ["import torch", "", 'print("torch", torch.__version__)']
    for one, kind in it.inputs.items():
        real = f", dtype=torch.{it.dtype}" if kind == "float" else ""
        watched = ", requires_grad=True" if one in it.wrt else ""
        code.append(f'{one} = torch.tensor(inputs["{one}"]{real}{watched})')
    yield Cell(f"The same inputs in {it.dtype}.", "\n".join(code))
    upstream = f"torch.tensor({it.cotangent}, dtype=torch.{it.dtype})" if it.cotangent else ""
    code = [*it.forward, *[f"{it.output}.backward({upstream})"] * any(it.reached)]
    for one, gradient, known in zip(it.wrt, it.gradients, it.reached, strict=True):
        code.append(f"{gradient} = {f'{one}.grad' if known else f'torch.zeros_like({one})'}")
    yield Cell("Autograd remembers the forward pass.", "\n".join([*code, *it.shown]))


class TorchBackend(Backend):
    """`torch.autograd.grad` with respect to every real input and node at once.

    What is compiled hands out all nodes at once, so that none is made from another: beside each
    stands a slot of zeros, which its cotangent arrives at as well.
    """

    name = "torch"
    module = "torch"
    package = "torch"
    requirement = "gradcmp[torch]"
    modes = (EAGER, *ADDS)
    dtypes: ClassVar[tuple[DType, ...]] = (*DTYPES, *COMPLEX)
    adds: ClassVar[Mapping[str, str]] = ADDS
    coarse_sums: ClassVar[Mapping[str, frozenset[Sum]]] = {EAGER: frozenset(("scatter", "affine"))}
    idiom = Idiom(
        "PyTorch",
        "torch",
        _written,
        number="torch.tensor({number}, dtype=torch.{dtype})",
        array="{name}.detach().double().numpy()",
        # Most of torch's functions take tensors only; one without axes promotes nothing.
        argument="torch.tensor({number})",
    )
    environment_variables: ClassVar[Mapping[str, str]] = {
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it cuBLAS is not deterministic
    }

    def __init__(self, device: str) -> None:
        import torch

        self.torch = torch
        self.device = self.choose_device(device)
        # Warn only: an op that has no deterministic kernel still gives an answer worth judging.
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = False
        self._compiled = lru_cache(COMPILED)(self._compile)
        self._derived = lru_cache(COMPILED)(self._derivation)

    def devices(self) -> tuple[str, ...]:
        """Return the CPU and every CUDA device that torch sees."""
        return ("cpu", *(f"cuda:{i}" for i in range(self.torch.cuda.device_count())))

    def environment(self) -> Mapping[str, str]:
        """Return versions, threads, determinism and whether TF32 may be used."""
        torch = self.torch
        return {
            "torch": torch.__version__,
            "cuda": str(torch.version.cuda),
            "device": self.device,
            "threads": f"{torch.get_num_threads()} intra-op, "
            f"{torch.get_num_interop_threads()} inter-op",
            "deterministic": str(torch.are_deterministic_algorithms_enabled()),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "tf32": str(torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32),
        }

    def compute(
        self, signature: Signature, inputs: Mapping[str, Array], cotangent: Array
    ) -> Computed:
        """Compute forward with autograd watching, then differentiate."""
        run = self._eager if signature.mode == EAGER else self._compiled(signature)
        start = time.perf_counter()
        values, watched, facts = run(signature, inputs)
        self._wait()
        middle = time.perf_counter()
        gradients = self.torch.autograd.grad(
            values[signature.graph.output],
            [watched[name] for name in signature.real],
            self._tensor(cotangent),
            allow_unused=True,
            materialize_grads=True,  # zeros for what the output ignores
        )
        self._wait()
        end = time.perf_counter()
        return Computed(
            {name: to_array(values[name]) for name in signature.specs},
            dict(zip(signature.real, map(to_array, gradients), strict=True)),
            {"forward": middle - start, "backward": end - middle},
            facts,
        )

    def _eager(self, signature: Signature, inputs: Mapping[str, Array]) -> Ran:
        leaves = {name: self._tap(name, self._tensor(array)) for name, array in inputs.items()}
        values = self.evaluate(self.torch, signature, leaves, self._tensor, self._tap)
        return Ran(values, values)

    def _compile(self, signature: Signature) -> Run:
        compiler = Compiler(signature.mode, self.device)
        steps, real = self.steps(signature, self._tensor), frozenset(signature.real)
        torch, beside = self.torch, _beside(self.torch)
        output = signature.graph.output

        def forward(leaves: Tensors, slots: Tensors) -> Tensors:
            values = dict(leaves)
            for step in steps:
                value = step.on(torch, values)
                values[step.name] = beside(value, slots[step.name]) if step.name in real else value
            # AOTAutograd adds a cotangent of zeros for each other output, and -0 + 0 is 0.
            return {
                step.name: values[step.name] if step.name == output else values[step.name].detach()
                for step in steps
            }

        compiled = compiler.compiled(forward, whole=True)

        def run(signature: Signature, inputs: Mapping[str, Array]) -> Ran:
            leaves = {name: self._tap(name, self._tensor(array)) for name, array in inputs.items()}
            slots = {
                name: torch.zeros(
                    signature.specs[name].shape,
                    dtype=getattr(torch, signature.dtype_of(name)),
                    device=self.device,
                    requires_grad=True,
                )
                for name in signature.real
                if name not in leaves
            }
            with compiler.running("the graph"):
                values = compiled(leaves, slots)
            return Ran({**leaves, **values}, {**leaves, **slots}, compiler.facts)

        return run

    def derive(
        self, signature: Signature, asked: Asked, inputs: Mapping[str, Array], cotangent: Array
    ) -> Mapping[str, Array]:
        """Differentiate as `gradcmp.backends.derivatives.torch` does, in the mode."""
        tensors, vs = (
            {name: self._tensor(array) for name, array in by.items()}
            for by in (inputs, asked.tangents)
        )
        run = self._derived(signature, asked.derivative, asked.wrt)
        found = run(tensors, [vs[name] for name in asked.wrt], self._tensor(cotangent))
        called = names(asked.derivative, (signature.graph.output,), asked.wrt)
        return dict(zip(called, map(to_array, found), strict=True))

    def _derivation(
        self, signature: Signature, derivative: Derivative, wrt: tuple[str, ...]
    ) -> Callable[[Tensors, list[Any], Any], Any]:
        torch, output = self.torch, signature.graph.output
        steps = self.steps(signature, self._tensor)
        way = (WAYS if signature.mode == EAGER else COMPILED_WAYS)[derivative]

        def derivation(tensors: Tensors, vs: list[Any], cotangent: Any) -> Any:
            function = pure(torch, steps, output, wrt, tensors)
            return way(torch, function, [tensors[name] for name in wrt], vs, [cotangent])

        if signature.mode == EAGER:
            return derivation
        compiler = Compiler(signature.mode, self.device)
        compiled = compiler.compiled(derivation, whole=True)

        def run(tensors: Tensors, vs: list[Any], cotangent: Any) -> Any:
            with compiler.running(f"the {derivative}"):
                return compiled(tensors, vs, cotangent)

        return run

    def _tensor(self, array: Array) -> Any:
        return to_tensor(array, self.device)

    def _tap(self, name: str, tensor: Any) -> Any:
        """Return each node a tensor of its own that has a gradient.

        An op may hand back its operand itself, whose gradient is another one; and what is made
        of numbers alone would not be watched.
        """
        alias = tensor.view_as(tensor)
        real = alias.is_floating_point() or alias.is_complex()
        return alias.requires_grad_() if real else alias

    def _wait(self) -> None:
        if self.device != "cpu":
            self.torch.cuda.synchronize(self.device)


def _beside(torch: Any) -> Callable[[Any, Any], Any]:
    class Beside(torch.autograd.Function):  # type: ignore[misc]
        """A tensor as it is, whose cotangent arrives at the slot beside it, too."""

        @staticmethod
        def forward(ctx: Any, x: Any, slot: Any) -> Any:
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, dx: Any) -> Any:
            return dx, dx

    return lambda x, slot: Beside.apply(x, slot)


def to_tensor(array: Array, device: str) -> Any:
    """Copy an array to the device; torch cannot read NumPy's bfloat16, but can its bits."""
    import torch

    if array.dtype == BFLOAT16:
        bits = torch.tensor(array.view(np.int16), device=device)
        return bits.view(torch.bfloat16)
    return torch.tensor(array, device=device)


def to_array(tensor: Any) -> Array:
    """Return a tensor as an array, without loss in bfloat16."""
    import torch

    host = tensor.detach().cpu().resolve_conj()  # NumPy has no conjugates that are only noted
    if host.dtype is torch.bfloat16:
        bits: Array = host.view(torch.int16).numpy()
        return bits.view(BFLOAT16)
    array: Array = host.numpy()
    return array
