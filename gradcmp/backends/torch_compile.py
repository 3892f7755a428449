"""`torch.compile`, one stage of it or all: what it compiled, and how often that ran."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from typing import Any

from gradcmp.errors import AbsentError, BackendError

EAGER = "eager"
# What `torch.compile` calls the stages of which each adds one thing to the one before.
BACKENDS = {
    "aot_eager": "aot_eager",
    "aot_eager_decomp_partition": "aot_eager_decomp_partition",
    "compile": "inductor",
}
ADDS = {
    "aot_eager": "graph capture, and the backward graph of AOTAutograd",
    "aot_eager_decomp_partition": "Inductor's decompositions and partitioner",
    "compile": "Inductor's own passes and kernels",
}
# Settings by their names in several releases; those that a release does not have are left out.
DYNAMO = {
    "recompile_limit": 256,  # a worker keeps one function in several dtypes and shapes
    "cache_size_limit": 256,
    "accumulated_recompile_limit": 4096,
    "accumulated_cache_size_limit": 4096,
    # Beyond the limit it would run eagerly without a word.
    "fail_on_recompile_limit_hit": True,
    "fail_on_cache_limit_hit": True,
}
INDUCTOR = {
    "compile_threads": 1,  # no processes of its own, which would outlive a worker
    "fallback_random": True,  # the numbers that eager mode draws from the same seed
}


class Compiler:
    """A backend of `torch.compile`: a stage of it, which counts.

    Parameters
    ----------
    mode : str
        A key of `BACKENDS`.
    tracing : callable, optional
        Makes the context in which graphs are traced and compiled.

    Attributes
    ----------
    graphs : int
        How many graphs were compiled.
    ran : int
        How often one was run: what is not compiled runs as it is, without a word.

    Raises
    ------
    AbsentError
        When the stage needs a C++ compiler and there is none.
    """

    def __init__(
        self,
        mode: str,
        device: str = "cpu",
        tracing: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        from torch._dynamo.backends.registry import lookup_backend

        self.mode = mode
        self.graphs = self.ran = 0
        self._compile = lookup_backend(BACKENDS[mode])
        self._tracing = tracing
        self._with = code_compiler() if mode == "compile" and device == "cpu" else ""

    def __call__(self, graph: Any, examples: Any) -> Callable[..., Any]:
        """Compile a graph, as `torch.compile` asks."""
        self.graphs += 1
        with self._tracing():
            compiled = self._compile(graph, examples)

        def run(*operands: Any) -> Any:
            self.ran += 1
            return compiled(*operands)

        return run

    def compiled(self, function: Callable[..., Any], whole: bool = False) -> Callable[..., Any]:
        """Return a function that is compiled when it is first called.

        Parameters
        ----------
        whole : bool
            Whether it is an error that a part of it cannot be.
        """
        import torch

        compiled: Callable[..., Any] = torch.compile(
            function, backend=self, dynamic=False, fullgraph=whole
        )
        return compiled

    @contextmanager
    def running(self, what: str) -> Iterator[None]:
        """Compile and run inside of it.

        Raises
        ------
        BackendError
            When nothing that is compiled was run.
        """
        before = self.ran
        with _patched():
            yield
        if self.ran == before:
            raise BackendError(
                f"torch.compile compiled nothing of {what}: it ran as it is",
                way_out="Leave the mode out, or see what TORCH_LOGS=graph_breaks says",
            )

    @property
    def facts(self) -> Mapping[str, str]:
        """What a recording says of it: the mode, the graphs, the C++ compiler."""
        breaks = f", {self.graphs - 1} graph breaks or recompilations" if self.graphs > 1 else ""
        found = {"mode": self.mode, "graphs": f"{self.graphs}{breaks}", "compiler": self._with}
        return {name: text for name, text in found.items() if text}


@contextmanager
def _patched() -> Iterator[None]:
    import torch._dynamo.config
    import torch._inductor.config

    homes = ((torch._dynamo.config, DYNAMO), (torch._inductor.config, INDUCTOR))
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module=r"torch\.")  # of its own code, about itself
        for home, wanted in homes:
            known = {name: value for name, value in wanted.items() if hasattr(home, name)}
            stack.enter_context(home.patch(known))
        yield


@cache
def code_compiler() -> str:
    """Return the C++ compiler that Inductor takes, by the first line that it says of itself.

    Raises
    ------
    AbsentError
        When there is none.
    """
    from torch._inductor import cpp_builder

    try:
        command = str(cpp_builder.get_cpp_compiler())
        said = subprocess.run(
            [command, "--version"], capture_output=True, check=True, timeout=60, text=True
        )
    except Exception as error:
        raise AbsentError(
            "torch's mode 'compile' needs a C++ compiler, and none is there",
            way_out="Install g++ or clang++, or name one in the variable CXX",
        ) from error
    return said.stdout.partition("\n")[0]
