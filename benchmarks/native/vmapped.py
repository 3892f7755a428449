"""What `torch.vmap` over all replicas would bring, beside the loop over them that judges.

``python -m benchmarks.native.vmapped``. Each block's values and gradients in float64 with an error
after each operation, 16 replicas: by the engine, one after the other and each by the rule of its
operation; and under vmap, all at once, each operation off by as much as one elementwise rounding,
without rules, kinks and a common factor: the least that any engine under vmap would cost. CPU time
of one thread, in plain runs in float64.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.native.measuring import REPLICAS, timed
from benchmarks.native.torch_blocks import Block, blocks
from benchmarks.native.torch_noise import side_of
from gradcmp.dtypes import FORMATS

U = FORMATS["float32"].u


class Jittered(TorchDispatchMode):
    """Every operation off by one rounding, element by element."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.is_floating_point() and not func.is_view:
            return made * (1 + U * (2 * torch.rand_like(made) - 1))
        return made


def values_and_gradients(block: Block) -> Callable[[dict[str, Any]], Any]:
    """Return the gradients of a block as a function of its inputs and parameters."""
    module = block.function if isinstance(block.function, torch.nn.Module) else None

    def run(given: dict[str, Any]) -> Any:
        real = {name: one for name, one in given.items() if one.is_floating_point()}

        def called(real: dict[str, Any]) -> Any:
            every = {**given, **real}
            inputs = {name: every.pop(name) for name in block.inputs}
            if module is None:
                return block.function(**inputs)
            return torch.func.functional_call(module, every, tuple(inputs.values()))

        made, pullback = torch.func.vjp(called, real)
        return pullback(torch.utils._pytree.tree_map(torch.ones_like, made))

    return run


def replicated(block: Block, inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        name: one.expand(REPLICAS, *one.shape) * (1 + U * torch.rand(REPLICAS, *one.shape))
        if one.is_floating_point()
        else one.expand(REPLICAS, *one.shape)
        for name, one in inputs.items()
    }


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'block':26s} {'plain ms':>9s} {'loop':>6s} {'vmap':>6s}")
    for name, block in blocks(0).items():
        side = side_of(block, "float32")
        plain = timed(lambda side=side: side.plain("float64"), 5)
        start = time.process_time()
        side.noisy("float32", REPLICAS)
        loop = time.process_time() - start
        inputs = {n: torch.tensor(array) for n, array in side.inputs.items()}
        run = torch.vmap(values_and_gradients(block))
        many = replicated(block, inputs)
        try:
            with Jittered():
                vmapped = timed(lambda run=run, many=many: run(many), 3)
        except RuntimeError as error:
            told = f"raises: {str(error).splitlines()[0][:70]}"
        else:
            told = f"{vmapped / plain:6.0f}"
        print(f"{name:26s} {1e3 * plain:9.1f} {loop / plain:6.0f} {told}")


if __name__ == "__main__":
    main()
