"""What every adapter inherits: spellings, refusals, what is recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import pytest
from ways import SEED, UPSTREAM, Way, X, Y, Z

from gradcmp.backends import Backend, Signature, import_rank
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import DType, Expression
from gradcmp.errors import BackendError
from gradcmp.graph.build import assemble
from gradcmp.ops import OPS, ArraySpec, Op
from gradcmp.ops.primitives import Sum
from gradcmp.ops.spec import EVERYWHERE, Native


def test_environment_and_timings_are_recorded(way: Way) -> None:
    recording = way(SEED, {"X": X, "Y": Y, "Z": Z}, 1.0)
    assert recording.environment[way.backend.package].split(".")[0].isdigit()
    assert 0 < recording.timings["total"] < 60
    promised = {
        "torch": {"deterministic": "True", "tf32": "False", "float32_matmul_precision": "highest"},
        "tensorflow": {"deterministic": "True", "tf32": "False"},
        "jax": {"x64": "True", "matmul_precision": "highest"},
    }
    assert promised.get(way.backend.name, {}).items() <= recording.environment.items()


FLAGS: Mapping[str, tuple[str, Callable[[Any], object], Callable[[Any], object]]] = {
    "torch": (
        "deterministic",
        lambda torch: torch.use_deterministic_algorithms(False),
        lambda torch: torch.use_deterministic_algorithms(True, warn_only=True),
    ),
    "tensorflow": (
        "tf32",
        lambda tf: tf.config.experimental.enable_tensor_float_32_execution(True),
        lambda tf: tf.config.experimental.enable_tensor_float_32_execution(False),
    ),
    "jax": (
        "matmul_precision",
        lambda jax: jax.config.update("jax_default_matmul_precision", "default"),
        lambda jax: jax.config.update("jax_default_matmul_precision", "highest"),
    ),
}


@pytest.mark.parametrize("framework", FLAGS)
def test_a_flag_is_recorded_as_it_stands_and_not_as_it_stood(
    framework: str, adapter: Callable[[str], Backend]
) -> None:
    name, spoil, restore = FLAGS[framework]
    backend = adapter(framework)
    module = import_module(backend.module)
    before = backend.environment()[name]
    spoil(module)
    try:
        assert backend.environment()[name] != before
    finally:
        restore(module)
    assert backend.environment()[name] == before


def test_tensorflow_refuses_another_number_of_threads(adapter: Callable[[str], Backend]) -> None:
    """So that a recording may say what it was told when the framework had loaded."""
    way = Way(adapter("tensorflow"), "eager")
    tf = import_module("tensorflow")
    recording = way(SEED, {"X": X, "Y": Y, "Z": Z}, 1.0)
    with pytest.raises(RuntimeError, match="cannot be modified after initialization"):
        tf.config.threading.set_intra_op_parallelism_threads(3)
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    assert recording.environment["threads"].startswith(f"{threads} intra-op")


def test_unknown_mode_names_the_nearest(way: Way) -> None:
    typo = way.mode[:-1]
    with pytest.raises(BackendError, match=rf"no mode '{typo}' here\. Did you mean '{way.mode}'\?"):
        Way(way.backend, typo)({"out": "X * X"}, {"X": X}, UPSTREAM)


def test_unsupported_dtype_is_refused(way: Way) -> None:
    with pytest.raises(BackendError, match=r"no dtype 'float8' here\. Did you mean 'float"):
        way({"out": "X * X"}, {"X": X}, UPSTREAM, "float8")  # type: ignore[arg-type]


def test_device_that_is_not_there(way: Way) -> None:
    with pytest.raises(BackendError, match=r"no device 'cuda:99' here\. .*cpu"):
        type(way.backend)("cuda:99")


class Nothing(NumpyBackend):
    """A backend that spells no op but those of Python's operators."""

    name = "nothing"
    modes = ("manual", "silent")
    coarse_sums: ClassVar[dict[str, frozenset[Sum]]] = {"manual": frozenset(("affine",))}
    spellings: ClassVar[dict[str, Native]] = {"exp": lambda _, x: -x}

    @classmethod
    def computes(cls, op: Op) -> bool:
        return super(NumpyBackend, cls).computes(op)


def test_the_adapters_own_spelling_comes_before_the_ops_and_before_that_for_all() -> None:
    one, two = np.ones(()), np.full((), 2.0)
    exp = replace(OPS["exp"], native={"nothing": lambda _, x: x * 3, EVERYWHERE: lambda _, x: x})
    tanh = replace(exp, name="tanh")
    assert Nothing.spelling(exp)(None, one) == -1
    assert Nothing.spelling(tanh)(None, one) == 3
    assert Nothing.spelling(OPS["multiply"])(None, two, two) == 4


def test_what_a_backend_cannot_spell_is_refused_with_the_way_out() -> None:
    assert not Nothing.computes(OPS["tanh"])
    assert NumpyBackend.computes(OPS["tanh"])
    with pytest.raises(BackendError, match=r"'nothing' has no spelling of op 'tanh'\. Add it to "):
        Nothing.spelling(OPS["tanh"])
    graph = assemble(("x",), (("out", Expression("tanh(x)")),), "out")
    signature = Signature(graph, "manual", "float64", (("x", ArraySpec((3,))),))
    with pytest.raises(BackendError, match="'tanh'"):
        Nothing("cpu").evaluate(np, signature, {"x": X[0]}, np.asarray, lambda _, tensor: tensor)


@pytest.mark.parametrize(
    ("dtype", "mode", "device", "sums"),
    [
        ("bfloat16", "manual", "cpu", frozenset(("affine",))),
        ("bfloat16", "silent", "cpu", None),
        ("bfloat16", "manual", "cuda:0", None),  # it was measured on the CPU
        ("float16", "manual", "cpu", None),
    ],
)
def test_what_is_added_up_in_bfloat16_itself_is_recorded(
    dtype: DType, mode: str, device: str, sums: frozenset[str] | None
) -> None:
    backend = Nothing("cpu")
    backend.device = device
    recording = Way(backend, mode)({"out": "X * 2"}, {"X": X}, UPSTREAM, dtype)
    assert recording.coarse_sums == sums


def test_the_slowest_to_import_starts_first_and_the_reference_last() -> None:
    names = ["numpy", "jax", "torch", "tensorflow"]
    assert sorted(names, key=import_rank) == names[::-1]
    assert import_rank("somebody") == import_rank("numpy")
