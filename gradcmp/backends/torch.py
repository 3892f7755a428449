"""PyTorch: autograd, run op by op."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from gradcmp.backends.base import Backend
from gradcmp.backends.idiom import Cell, Idiom, Outline
from gradcmp.backends.job import Computed, Signature
from gradcmp.ops import Array
from gradcmp.ops.primitives import Sum
from gradcmp.recording import BFLOAT16


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
    """`torch.autograd.grad` with respect to every real input and node at once."""

    name = "torch"
    module = "torch"
    package = "torch"
    requirement = "gradcmp[torch]"
    modes = ("eager",)
    coarse_sums: ClassVar[Mapping[str, frozenset[Sum]]] = {
        "eager": frozenset(("scatter", "affine"))
    }
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
        start = time.perf_counter()
        leaves = {name: self._tap(name, self._tensor(array)) for name, array in inputs.items()}
        values = self.evaluate(self.torch, signature, leaves, self._tensor, self._tap)
        self._wait()
        middle = time.perf_counter()
        gradients = self.torch.autograd.grad(
            values[signature.graph.output],
            [values[name] for name in signature.real],
            self._tensor(cotangent),
            allow_unused=True,
            materialize_grads=True,  # zeros for what the output ignores
        )
        self._wait()
        end = time.perf_counter()
        return Computed(
            {name: to_array(tensor) for name, tensor in values.items()},
            dict(zip(signature.real, map(to_array, gradients), strict=True)),
            {"forward": middle - start, "backward": end - middle},
        )

    def _tensor(self, array: Array) -> Any:
        return to_tensor(array, self.device)

    def _tap(self, name: str, tensor: Any) -> Any:
        """Return each node a tensor of its own that has a gradient.

        An op may hand back its operand itself, whose gradient is another one; and what is made
        of numbers alone would not be watched.
        """
        alias = tensor.view_as(tensor)
        return alias.requires_grad_() if alias.is_floating_point() else alias

    def _wait(self) -> None:
        if self.device != "cpu":
            self.torch.cuda.synchronize(self.device)


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

    host = tensor.detach().cpu()
    if host.dtype is torch.bfloat16:
        bits: Array = host.view(torch.int16).numpy()
        return bits.view(BFLOAT16)
    array: Array = host.numpy()
    return array
