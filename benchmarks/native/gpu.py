"""The kernels on a GPU: false alarms, bugs that are found, and what a comparison costs.

``python -m benchmarks.native.gpu`` on a machine with one, where torch, Triton and JAX are.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # torch wants memory as well

import torch

import gradcmp
from benchmarks.native.kernels import KERNELS
from benchmarks.native.kernels.planted import Bug, Kernel
from benchmarks.native.kernels.ports import PORTS
from benchmarks.native.kernels.triton_kernels import KERNELS as TRITON

DTYPES = ("float32", "bfloat16", "float16")
ROUNDS = 3
LARGE = {
    "Triton softmax": {"x": "normal:512x4000"},
    "Triton RMS norm": {"x": "normal:512x4000", "w": "normal:4000"},
}
SIDES: Mapping[str, Callable[[str, Kernel], Any]] = {  # that are right, by label
    "fused": lambda name, kernel: kernel.fused.apply,
    "jax": lambda name, kernel: PORTS.get(name),
    "jax:jit": lambda name, kernel: PORTS.get(name),
    "torch:compile": lambda name, kernel: kernel.eager,
}


def compared(kernel: Kernel, label: str, function: Any, dtype: str, device: str = "cuda") -> Any:
    """Return the verdict on a function beside the plain one of torch."""
    return gradcmp.compare_functions(
        {label: function, "eager": kernel.eager},
        kernel.inputs,
        dtype=dtype,
        framework={label: "jax" if "jax" in label else "torch", "eager": "torch"},
        device=device,
        **kernel.options,
    )


def alarms(kernels: Mapping[str, Kernel]) -> None:
    """Print what is said of right kernels, and how often, by side and by dtype."""
    for label, side in SIDES.items():
        counts = Counter[tuple[str, str]]()
        for name, kernel in kernels.items():
            for dtype in DTYPES if side(name, kernel) else ():
                verdict = compared(kernel, label, side(name, kernel), dtype)
                counts[dtype, word(verdict)] += 1
                for line in odd(verdict):
                    print(f"  {name}, {label}, {dtype}: {line}", flush=True)
        for (dtype, said), count in sorted(counts.items()):
            print(f"right kernels, {label}, {dtype}: {said}: {count}", flush=True)


def word(verdict: Any) -> str:
    """Return what a verdict on a right kernel comes to."""
    if not verdict.agrees:
        return "false alarm"
    return "agrees with a warning" if verdict.warnings else "agrees"


def odd(verdict: Any) -> Iterator[str]:
    """Yield a line for all that a verdict says besides that all agrees."""
    for pair, tensor, one in (*verdict.disagreements, *verdict.warnings):
        yield f"{tensor} of {pair}: {one.verdict.reason}, {one.verdict.detail}"
    for failure in verdict.failures:
        yield f"{failure.backend}: {failure.message}"
    for label, layouts in verdict.layouts.items():
        yield from (f"{label}: {layout}" for layout in layouts.wrong)


def found(kernels: Mapping[str, Kernel]) -> None:
    """Print how many planted bugs are found, how many causes are named, and what is missed."""
    counts = Counter[tuple[str, str]]()
    for name, kernel in kernels.items():
        for words, bug in kernel.bugs.items():
            for dtype in bug.dtypes:
                verdict = compared(kernel, "fused", bug.function, dtype)
                counts[dtype, "found" if is_found(verdict, bug) else "missed"] += 1
                if bug.cause and dtype == "float32":
                    counts[
                        dtype, "with its cause" if bug.cause in texts(verdict) else "without"
                    ] += 1
                if not is_found(verdict, bug):
                    print(f"  {name}, {words}, {dtype}: {verdict!r}", flush=True)
    for (dtype, said), count in sorted(counts.items()):
        print(f"planted bugs, {dtype}: {said}: {count}", flush=True)


def is_found(verdict: Any, bug: Bug) -> bool:
    """Whether just the tensors that are wrong are said to be; of layouts, whether any is."""
    wrong = {tensor for _, tensor, _ in verdict.disagreements}
    return not verdict.agrees and (bug.contiguous or wrong == {*bug.wrong})


def texts(verdict: Any) -> str:
    """Return all causes that a verdict names."""
    every = (one for by in verdict.findings.values() for one in by.values())
    return "\n".join(cause.text for one in every for cause in one.causes)


def seconds(function: Callable[[], Any]) -> float:
    """Return the median of some rounds, after one that warms up."""
    spent = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        function()
        torch.cuda.synchronize()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[1:])


def costs() -> None:
    """Print what a comparison of a kernel takes on each device."""
    large = {f"{name}, large": replace(TRITON[name], inputs=LARGE[name]) for name in LARGE}
    for name, kernel in {**KERNELS, **TRITON, **large}.items():
        asked = partial(compared, kernel, "fused", kernel.fused.apply, "bfloat16")
        devices = ("cuda",) if "Triton" in name else ("cuda", "cpu")
        taken = [f"{1e3 * seconds(partial(asked, one)):.0f} ms on {one}" for one in devices]
        print(f"cost, {name}, bfloat16: {', '.join(taken)}", flush=True)


if __name__ == "__main__":
    print(torch.__version__, torch.cuda.get_device_name(), flush=True)
    found({**KERNELS, **TRITON})
    costs()
    alarms({**KERNELS, **TRITON})
