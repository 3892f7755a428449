"""Every adapter, in every mode and dtype, against gradients worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from ways import SEED, UPSTREAM, Way, X, Y, Z

from gradcmp.case import DTYPES, DType
from gradcmp.ops import OPS, Array
from gradcmp.ops.spec import EVERYWHERE
from gradcmp.recording import numpy_dtype

NODE3 = 81.025134745767133


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
