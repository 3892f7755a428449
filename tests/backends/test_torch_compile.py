"""Graphs that `torch.compile` compiles: one graph holds what could go wrong, since each is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest
from ways import SLOW, UPSTREAM, Way, X, Y

from gradcmp.api import run_plan
from gradcmp.backends import Backend, torch_compile
from gradcmp.case import BackendSpec, Case, Expression, InputSpec
from gradcmp.errors import AbsentError, BackendError
from gradcmp.plan import check
from gradcmp.recording import Recording
from gradcmp.workers import Request
from gradcmp.workers.wire import job_from_bytes, request_to_bytes

pytestmark = pytest.mark.slow

BODY = {
    "scale": "2.0 * 1.5",  # of numbers alone
    "aside": "X * U",  # which the output ignores
    "twice": "n * 2",
    "same": "Z * 1",
    "chosen": "where(mask, X, X * X)",
    "h": "relu(chosen * Y)",
    "out": "h * scale + chosen + same",
}


@pytest.mark.parametrize("mode", [mode for _, mode in sorted(SLOW)])
@pytest.mark.parametrize("dtype", ["float32"])
def test_a_compiled_graph(adapter: Callable[[str], Backend], mode: str, dtype: str) -> None:
    mask, n = X > 0.3, np.arange(12).reshape(4, 3)
    inputs = {"X": X, "Y": Y, "U": X + 1, "Z": np.full((4, 3), -0.0), "mask": mask, "n": n}
    way = Way(adapter("torch"), mode)
    found, plain = (
        one(BODY, inputs, UPSTREAM, "float32") for one in (way, Way(way.backend, "eager"))
    )
    assert found.tensors.keys() == plain.tensors.keys()
    for name, array in plain.tensors.items():
        assert found.tensors[name].dtype == array.dtype, name
        np.testing.assert_allclose(found.tensors[name], array, 1e-5, 1e-6, err_msg=name)
    assert np.signbit(found.values["same"]).all()
    assert not found.gradients["U"].any()
    assert found.gradients["scale"].shape == ()
    assert found.environment["graphs"] == "1"
    assert ("compiler" in found.environment) == (mode == "compile")


def test_without_a_compiler_it_is_absent(
    adapter: Callable[[str], Backend], monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Way(adapter("torch"), "compile")
    torch_compile.code_compiler.cache_clear()
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    monkeypatch.delenv("CXX", raising=False)
    try:
        with pytest.raises(AbsentError, match=r"needs a C\+\+ compiler.* Install g\+\+"):
            way({"out": "X * X"}, {"X": X}, UPSTREAM)
    finally:
        torch_compile.code_compiler.cache_clear()


def test_what_compiles_nothing_is_an_error(adapter: Callable[[str], Backend]) -> None:
    adapter("torch")
    compiler = torch_compile.Compiler("aot_eager")
    with pytest.raises(BackendError, match="compiled nothing of it"), compiler.running("it"):
        pass


class Here:
    """What stands in for workers: it computes where it is, so that a compiler can be spoiled."""

    def __init__(self, backends: dict[str, Backend]) -> None:
        self.backends = backends

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Recording]]:
        for request in requests:
            job = job_from_bytes(request_to_bytes(request))
            yield request, self.backends[request.spec.name].record(job)


@pytest.mark.parametrize("spoiled", [True, False])
def test_a_graph_says_at_which_stage_it_begins(
    adapter: Callable[[str], Backend], spoiled: bool
) -> None:
    # Adapters of its own: one that is shared keeps what it compiled, spoiled or not.
    pool = Here({name: type(adapter(name))("cpu") for name in ("numpy", "torch")})
    from torch import ops, sin
    from torch._inductor import decomposition

    label = "torch:aot_eager_decomp_partition"
    case = Case(
        "spoiled",
        {"X": InputSpec("normal", (4, 3))},
        {"h": Expression("tanh(X)"), "y": Expression("sum(h * X)")},
        "y",
        ("X",),
        (BackendSpec("numpy"), BackendSpec("torch"), BackendSpec(*label.split(":"))),
    )
    if spoiled:
        decomposition.decompositions[ops.aten.tanh.default] = lambda x: sin(x)
    decomposition.fast_random_decomps.cache_clear()
    try:
        verdict = run_plan(check(case), pool)  # type: ignore[arg-type]
    finally:
        decomposition.decompositions.pop(ops.aten.tanh.default, None)
        decomposition.fast_random_decomps.cache_clear()
    assert verdict.agrees is not spoiled
    assert {*verdict.stages} == ({label} if spoiled else set())
    for found in verdict.stages.values():
        assert [one.wrong for one in found] == [False, False, True]
