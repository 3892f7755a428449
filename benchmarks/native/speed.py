"""What a comparison of two torch functions costs beside their runs, and beside gradcheck.

``python -m benchmarks.native.speed``. CPU time of one thread, medians of rounds.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

import gradcmp
from gradcmp.native.torch import run
from gradcmp.native.torch.subject import Subject

ROUNDS = 3


class Fused(torch.autograd.Function):
    """x tanh(x), with the backward pass by hand."""

    @staticmethod
    def forward(ctx, x):
        t = torch.tanh(x)
        ctx.save_for_backward(x, t)
        return x * t

    @staticmethod
    def backward(ctx, dy):
        x, t = ctx.saved_tensors
        return dy * (t + x * (1 - t * t))


def plain(**x: Any) -> Any:
    return {f"y{name}": one * torch.tanh(one) for name, one in x.items()}


def fused(**x: Any) -> Any:
    return {f"y{name}": Fused.apply(one) for name, one in x.items()}


@contextmanager
def in_runs() -> Iterator[list[float]]:
    """Take the time of the functions themselves, forward and backward, whoever asks for them."""
    spent = [0.0]

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            start = time.process_time()
            try:
                return function(*args, **named)
            finally:
                spent[0] += time.process_time() - start

        return run

    with (
        patch.object(Subject, "call", timed(Subject.call)),
        patch.object(run.torch.autograd, "grad", timed(torch.autograd.grad)),
    ):
        yield spent


def own_work(count: int, shape: tuple[int, int], **options: Any) -> tuple[float, float]:
    """Return seconds that gradcmp and the functions take: `count` outputs, as many gradients."""
    rng = np.random.default_rng(0)
    inputs = {f"x{i}": rng.normal(size=shape) for i in range(count)}
    own, runs = [], []
    for _ in range(ROUNDS):
        start = time.process_time()
        with in_runs() as spent:
            verdict = compared(inputs, **options)
        assert verdict.agrees
        own.append(time.process_time() - start - spent[0])
        runs.append(spent[0])
    return statistics.median(own), statistics.median(runs)


def compared(inputs: Mapping[str, Any], **options: Any) -> gradcmp.CaseVerdict:
    functions = {"fused": fused, "plain": plain}
    return gradcmp.compare_functions(functions, inputs, framework="torch", **options)


def beside_gradcheck(size: int) -> tuple[float, float]:
    """Return seconds of both on one float64 function; each round has other numbers."""
    ours, theirs = [], []
    for seed in range(ROUNDS):
        x = np.random.default_rng(seed).normal(size=size)
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            gradcmp.assert_gradients_agree(
                Fused.apply, against=lambda x: x * torch.tanh(x), inputs={"x": x}, dtype="float64"
            )
        ours.append(time.process_time() - start)
        tensor = torch.tensor(x, requires_grad=True)
        start = time.process_time()
        torch.autograd.gradcheck(Fused.apply, (tensor,))
        theirs.append(time.process_time() - start)
    return statistics.median(ours), statistics.median(theirs)


def main() -> None:
    torch.set_num_threads(1)
    ours, theirs = beside_gradcheck(1000)
    print(
        f"1000 elements in float64: assert_gradients_agree {1e3 * ours:.1f} ms, gradcheck "
        f"{1e3 * theirs:.0f} ms, {theirs / ours:.0f} times as long\n",
        flush=True,
    )
    print("| tensors | layouts | gradcmp's own work | the functions' runs | share |")
    print("|---|---|---|---|---|")
    for count, shape in ((10, (100, 100)), (5, (1000, 1000))):
        for layouts in ("off", "auto"):
            own, runs = own_work(count, shape, layouts=layouts)
            print(
                f"| {2 * count} of {shape[0] * shape[1]:.0e} | {layouts} | {1e3 * own:.1f} ms | "
                f"{1e3 * runs:.1f} ms | {own / runs:.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
