"""Graphs that `torch.compile` compiles: one graph holds what could go wrong, since each is slow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ways import SLOW, UPSTREAM, Way, X, Y

from gradcmp.backends import Backend, torch_compile
from gradcmp.errors import AbsentError, BackendError

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
