"""Every adapter, in every mode and dtype, against gradients worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, ClassVar

import ml_dtypes
import numpy as np
import pytest

from gradcmp.backends import Backend, Job, Signature, backend_class, import_rank
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.backends.registry import BUILT_IN
from gradcmp.case import DTYPES, DType, Expression
from gradcmp.errors import BackendError
from gradcmp.graph.build import assemble
from gradcmp.ops import OPS, Array, ArraySpec, Op
from gradcmp.ops.primitives import Sum
from gradcmp.ops.spec import EVERYWHERE, Native
from gradcmp.recording import Recording, numpy_dtype

# As the seed notebook prints it, and what it prints for node3.
X = np.array(
    [
        [0.43787304, 0.96557349, 1.0921883],
        [0.13662005, -0.38701585, 0.68148381],
        [-0.09396063, 1.12197495, -1.1509547],
        [0.90929498, -0.33493472, -0.35300799],
    ]
)
NODE3 = 81.025134745767133
Z = np.arange(1.0, 13.0).reshape(4, 3)
SEED = {"node1": "X * Y", "node2": "node1 + Z", "node3": "sum(node2)"}

RNG = np.random.default_rng(7)
Y = RNG.standard_normal((4, 3))
UPSTREAM = RNG.standard_normal((4, 3))


@dataclass(frozen=True)
class Way:
    """One mode of one backend."""

    backend: Backend
    mode: str

    def __call__(
        self,
        body: Mapping[str, str],
        inputs: Mapping[str, Array],
        cotangent: Array | float,
        dtype: DType = "float64",
    ) -> Recording:
        """Differentiate the last node of the body, in a dtype that the backend declares."""
        if dtype in DTYPES and dtype not in self.backend.dtypes:
            pytest.skip(f"{self.backend.name} does not compute in {dtype}")
        nodes = tuple((name, Expression(text)) for name, text in body.items())
        graph = assemble(tuple(inputs), nodes, list(body)[-1])
        label = f"{self.backend.name}:{self.mode}"
        return self.backend.record(
            Job(label, graph, inputs, np.asarray(cotangent), self.mode, dtype)
        )


@pytest.fixture(params=[(name, mode) for name in BUILT_IN for mode in backend_class(name).modes])
def way(request: pytest.FixtureRequest, adapter: Callable[[str], Backend]) -> Way:
    name, mode = request.param
    return Way(adapter(name), mode)


def rounded(array: Array, dtype: DType) -> Array:
    return array.astype(numpy_dtype(dtype)).astype(np.float64)


def close(actual: Array, expected: Array | float, dtype: DType, ulps: int = 8) -> bool:
    """Ask for `ulps` of the largest element: enough for a sum of twelve, too few for a bug."""
    expected = np.asarray(expected)
    allowed = ulps * float(ml_dtypes.finfo(dtype).eps) * np.abs(expected).max()
    same_shape = actual.shape == expected.shape
    return same_shape and bool(np.all(np.abs(actual.astype(float) - expected) <= allowed))


def test_seed_case_as_printed(way: Way) -> None:
    recording = way(SEED, {"X": X, "Y": np.ones((4, 3)), "Z": Z}, 1.0)
    assert abs(recording.values["node3"] - NODE3) < 5e-8
    for name in ("node1", "node2", "X", "Z"):
        assert np.array_equal(recording.gradients[name], np.ones((4, 3)))
    assert np.array_equal(recording.gradients["Y"], X)
    assert recording.gradients["node3"] == 1.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_seed_graph_by_the_chain_rule(way: Way, dtype: DType) -> None:
    upstream = -1.75  # not one, and exact in every dtype
    recording = way(SEED, {"X": X, "Y": Y, "Z": Z}, upstream, dtype)
    x, y, z = (rounded(array, dtype) for array in (X, Y, Z))
    values = {
        "X": x, "Y": y, "Z": z,
        "node1": x * y, "node2": x * y + z, "node3": (x * y + z).sum(),
    }  # fmt: skip
    full = np.full((4, 3), upstream)
    gradients = {
        "X": upstream * y, "Y": upstream * x, "Z": full,
        "node1": full, "node2": full, "node3": upstream,
    }  # fmt: skip
    assert recording.values.keys() == values.keys()
    assert recording.gradients.keys() == gradients.keys()
    for name, expected in values.items():
        assert close(recording.values[name], expected, dtype), name
    for name, expected in gradients.items():
        assert close(recording.gradients[name], expected, dtype), name
    assert (recording.dtype, recording.backend) == (dtype, f"{way.backend.name}:{way.mode}")


@pytest.mark.parametrize("spoil", [lambda d: -d, lambda d: d * 1.001, lambda d: d[::-1], np.ravel])
def test_the_comparison_above_sees_a_spoiled_gradient(spoil: Callable[[Array], Array]) -> None:
    assert close(Y, Y, "float64")
    assert not close(spoil(Y), Y, "float64")


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_are_plain_and_ours(way: Way, dtype: DType) -> None:
    recording = way(SEED, {"X": X, "Y": Y[:, ::-1], "Z": Z.T.copy().T}, UPSTREAM[0, 0], dtype)
    for array in recording.tensors.values():
        assert type(array) is np.ndarray
        assert array.dtype == numpy_dtype(dtype)
        flags = array.flags
        assert flags.c_contiguous
        assert flags.owndata
        assert flags.writeable


def test_matrix_output_with_its_cotangent(way: Way) -> None:
    recording = way({"out": "X * Y + 2 * X"}, {"X": X, "Y": Y}, UPSTREAM)
    assert close(recording.gradients["X"], UPSTREAM * (Y + 2), "float64")
    assert close(recording.gradients["Y"], UPSTREAM * X, "float64")
    assert np.array_equal(recording.gradients["out"], UPSTREAM)


def test_steps_inside_an_expression_are_there(way: Way) -> None:
    recording = way({"out": "X * Y + 2 * X"}, {"X": X, "Y": Y}, UPSTREAM)
    assert set(recording.values) == {"X", "Y", "out/1", "out/2", "out"}
    assert np.array_equal(recording.values["out/1"], X * Y)
    assert np.array_equal(recording.values["out/2"], 2 * X)
    assert np.array_equal(recording.gradients["out/2"], UPSTREAM)


def test_what_the_output_ignores_has_a_gradient_of_zeros(way: Way) -> None:
    body = {"aside": "X * U", "out": "X * Y"}
    recording = way(body, {"X": X, "Y": Y, "U": X + 1}, UPSTREAM, "float32")
    for name in ("U", "aside"):
        zeros = recording.gradients[name]
        assert zeros.dtype == np.float32
        assert np.array_equal(zeros, np.zeros((4, 3)))


def test_integers_and_booleans_pass_through_without_gradient(way: Way) -> None:
    n = np.arange(-2, 4, dtype=np.int32)
    mask = np.array([True, False, True])
    body = {"twice": "n * 2", "out": "where(mask, x, 2 * x)"}
    x = np.array([1.5, -2.0, 3.0])
    recording = way(body, {"n": n, "mask": mask, "x": x}, UPSTREAM[0])
    assert recording.values["twice"].dtype == np.int64
    assert np.array_equal(recording.values["twice"], 2 * n)
    assert recording.values["mask"].dtype == np.bool_
    assert not {"n", "mask", "twice"} & recording.gradients.keys()
    assert np.array_equal(recording.gradients["x"], UPSTREAM[0] * [1, 2, 1])


def test_node_of_numbers_alone_has_a_gradient(way: Way) -> None:
    recording = way({"scale": "2.0 * 1.5", "out": "X * scale"}, {"X": X}, UPSTREAM)
    assert recording.values["scale"] == 3.0
    assert close(recording.gradients["scale"], (UPSTREAM * X).sum(), "float64")


def test_op_that_hands_back_its_operand(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of the copy is not that of the original, which is used once more."""
    lazy = replace(
        OPS["negative"],
        reference=lambda x: (x, lambda dy: (dy,)),
        native={EVERYWHERE: lambda _, x: x},
    )
    monkeypatch.setitem(OPS._ops, "negative", lazy)
    recording = way({"same": "-X", "out": "same * Y + X * 3"}, {"X": X, "Y": Y}, UPSTREAM)
    assert close(recording.gradients["same"], UPSTREAM * Y, "float64")
    assert close(recording.gradients["X"], UPSTREAM * (Y + 3), "float64")


def test_sign_of_zero_is_kept(way: Way) -> None:
    x = np.array([-0.0, 0.0, -0.0])
    recording = way({"same": "x * 1", "out": "same * 2"}, {"x": x}, x)
    for name in ("x", "same", "out"):
        assert np.array_equal(np.signbit(recording.values[name]), np.signbit(x)), name
        assert np.array_equal(np.signbit(recording.gradients[name]), np.signbit(x)), name


def test_constants_that_compare_equal_are_told_apart(way: Way) -> None:
    x = np.array([1.0])
    for text, negative in (("x * 0.0", False), ("x * -0.0", True), ("x * 0.0", False)):
        assert np.signbit(way({"out": text}, {"x": x}, [1.5]).values["out"]) == negative


def test_warm_backend_sees_new_numbers_and_shapes(way: Way) -> None:
    for x in (X, 2 * X, X[:2], X):
        recording = way({"out": "x * x"}, {"x": x}, x, "float32")
        assert close(recording.gradients["x"], 2 * rounded(x, "float32") ** 2, "float32")


def test_every_bfloat16_goes_in_and_out_bit_for_bit(way: Way) -> None:
    bits = np.arange(2**16, dtype=np.uint32).astype(np.uint16)
    numbers = bits.view(ml_dtypes.bfloat16)
    numbers = numbers[~np.isnan(numbers.astype(np.float32))]
    recording = way({"out": "x[0:4] * 2"}, {"x": numbers}, UPSTREAM[0, [0, 1, 2, 0]], "bfloat16")
    assert np.array_equal(recording.values["x"].view(np.uint16), numbers.view(np.uint16))


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
