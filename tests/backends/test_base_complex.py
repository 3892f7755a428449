"""Complex numbers in every adapter and mode: the convention, against differences in Re and in Im.

With a cotangent c the gradient is that of L = Re(sum(conj(c) f)), and it is dL/dRe + i dL/dIm. Ref:
torch's note on autograd for complex numbers, https://pytorch.org/docs/stable/notes/autograd.html.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from ways import Way

from gradcmp.backends import Backend
from gradcmp.backends.registry import BUILT_IN
from gradcmp.case import DType
from gradcmp.dtypes.arrays import in_parts, of_parts
from gradcmp.ops.complexes.meaning import ANALYTIC, OWN, REAL_VALUED

Function = Callable[..., Any]

PICKED = np.array([2, 0, 2])
CHOSEN = np.array([True, False, True])
# Each op that has a meaning on complex numbers, and the same in NumPy's own words.
CALLS: Mapping[str, tuple[str, Function]] = {
    "add": ("X + Y", lambda x, y: x + y),
    "subtract": ("X - 2 * Y", lambda x, y: x - 2 * y),
    "multiply": ("X * Y", lambda x, y: x * y),
    "divide": ("X / Y", lambda x, y: x / y),
    "negative": ("-X * Y", lambda x, y: -(x * y)),
    "square": ("square(X) / Y", lambda x, y: x * x / y),
    "reciprocal": ("reciprocal(X) + 1 / Y", lambda x, y: 1 / x + 1 / y),
    "power": ("X ** 3 + Y ** -2 + X ** 0", lambda x, y: x * x * x + 1 / (y * y) + 1),
    "exp": ("exp(X) * Y", lambda x, y: np.exp(x.real) * np.exp(1j * x.imag) * y),
    "log": ("log(X) * Y", lambda x, y: (np.log(abs(x)) + 1j * np.angle(x)) * y),
    "sqrt": ("sqrt(X) * Y", lambda x, y: np.sqrt(abs(x)) * np.exp(0.5j * np.angle(x)) * y),
    "sin": ("sin(X) * Y", lambda x, y: (np.exp(1j * x) - np.exp(-1j * x)) / 2j * y),
    "cos": ("cos(X) * Y", lambda x, y: (np.exp(1j * x) + np.exp(-1j * x)) / 2 * y),
    "tanh": ("tanh(X) * Y", lambda x, y: (1 - 2 / (np.exp(2 * x) + 1)) * y),
    "sinh": ("sinh(X) * Y", lambda x, y: (np.exp(x) - np.exp(-x)) / 2 * y),
    "cosh": ("cosh(X) * Y", lambda x, y: (np.exp(x) + np.exp(-x)) / 2 * y),
    "where": ("where(B, X, Y)", lambda x, y: np.where(CHOSEN, x, y)),
    "sum": ("sum(X, axis=0) * Y", lambda x, y: x.sum(0) * y),
    "mean": ("mean(X, axis=1) * Y", lambda x, y: x.mean(1) * y),
    "cumulative_sum": ("cumulative_sum(X, axis=0) * Y", lambda x, y: np.cumsum(x, 0) * y),
    "matmul": ("X @ Y", lambda x, y: x @ y),
    "linear": ("linear(X, Y, X[0])", lambda x, y: x @ y.T + x[0]),
    "einsum": ("einsum('ii,ij->j', X, Y)", lambda x, y: np.diagonal(x) @ y),
    "tensordot": ("tensordot(X, Y, 1)", lambda x, y: x @ y),
    "outer": ("outer(X[0], Y[1])", lambda x, y: x[0][:, None] * y[1]),
    "inner": ("inner(X, Y)", lambda x, y: x @ y.T),
    "kron": ("kron(X, Y)", lambda x, y: np.kron(x, y)),
    "trace": ("trace(X) * Y", lambda x, y: (x[0, 0] + x[1, 1] + x[2, 2]) * y),
    "inv": ("inv(X) @ Y", lambda x, y: np.linalg.solve(x, y)),
    "solve": ("solve(X, Y)", lambda x, y: np.linalg.inv(x) @ y),
    "det": ("det(X) * Y", lambda x, y: x[0] @ np.cross(x[1], x[2]) * y),
    "reshape": ("reshape(X, (9,)) * reshape(Y, (9,))", lambda x, y: (x * y).reshape(9)),
    "transpose": ("transpose(X) * Y", lambda x, y: x.T * y),
    "expand_dims": ("expand_dims(X, 0) * Y", lambda x, y: x[None] * y),
    "squeeze": ("squeeze(X[:1], 0) * Y", lambda x, y: x[0] * y),
    "broadcast_to": ("broadcast_to(X[0], (3, 3)) * Y", lambda x, y: x[0] * y),
    "concat": ("concat([X, X * Y], axis=0)", lambda x, y: np.concatenate([x, x * y])),
    "stack": ("stack([X, X * Y], axis=1)", lambda x, y: np.stack([x, x * y], 1)),
    "getitem": ("X[::-1, 1:] * Y[:, :2]", lambda x, y: x[::-1, 1:] * y[:, :2]),
    "take": ("take(X, I, axis=0) * Y", lambda x, y: x[PICKED] * y),
    "flip": ("flip(X, axis=0) * Y", lambda x, y: x[::-1] * y),
    "roll": ("roll(X, 1, axis=1) * Y", lambda x, y: x[:, [2, 0, 1]] * y),
    "tile": ("tile(X, (2, 1)) * Y[0]", lambda x, y: np.concatenate([x, x]) * y[0]),
    "repeat": ("repeat(X, 2, axis=0) * Y[0]", lambda x, y: x[[0, 0, 1, 1, 2, 2]] * y[0]),
    "tril": ("tril(X) @ Y", lambda x, y: np.tril(x) @ y),
    "triu": ("triu(X) @ Y", lambda x, y: np.triu(x) @ y),
    "diagonal": ("diagonal(X) * Y", lambda x, y: x[[0, 1, 2], [0, 1, 2]] * y),
    "diag": ("diag(X[0]) @ Y", lambda x, y: np.diag(x[0]) @ y),
    "abs": ("abs(X) * real(Y)", lambda x, y: np.hypot(x.real, x.imag) * y.real),
    "real": ("real(X) * real(X * Y)", lambda x, y: x.real * (x * y).real),
    "imag": ("imag(X) * imag(X * Y)", lambda x, y: x.imag * (x * y).imag),
    "conj": ("conj(X) * Y", lambda x, y: (x.real - 1j * x.imag) * y),
    "angle": ("angle(X) * abs(Y)", lambda x, y: np.arctan2(x.imag, x.real) * abs(y)),
    "complex": ("complex(imag(X), abs(Y[0])) * Y", lambda x, y: (x.imag + 1j * abs(y[0])) * y),
}
# Where all are called: by the mode that is quickest to start; elsewhere these.
FULL = {("numpy", "manual"), ("tensorflow", "eager"), ("torch", "eager"), ("jax", "jit")}
FEW = ("multiply", "matmul", "exp", "sum", "abs", "conj", "complex")
ALLOWED: Mapping[DType, float] = {"complex128": 1e-8, "complex64": 1e-4}  # of the largest
# tf.raw_ops.MatrixDeterminant's gradient multiplies by det, and not by its conjugate.
WRONG = {"tensorflow": {"det"}}


def gradient(function: Function, x: Any, y: Any, cotangent: Any) -> list[Any]:
    """Return dL/dRe + i dL/dIm by central differences, extrapolated twice after Richardson."""

    def loss(x: Any, y: Any) -> float:
        return float(np.sum(np.real(np.conj(cotangent) * function(x, y))))

    def slope(place: int, direction: Any) -> float:
        def central(h: float) -> float:
            ends = []
            for step in (h, -h):
                moved = [x, y]
                moved[place] = moved[place] + step * direction
                ends.append(loss(*moved))
            return (ends[0] - ends[1]) / (2 * h)

        return (64 * central(2.5e-4) - 20 * central(5e-4) + central(1e-3)) / 45

    found = []
    for place in (0, 1):
        dx = np.zeros(x.shape, complex)
        for index in np.ndindex(x.shape):
            unit = np.zeros(x.shape, complex)
            unit[index] = 1
            dx[index] = slope(place, unit) + 1j * slope(place, 1j * unit)
        found.append(dx)
    return found


@cache
def drawn() -> Mapping[str, tuple[Any, Any, Any, Any, list[Any]]]:
    """Return by op its operands, its cotangent, its value, and its gradients by differences."""
    rng = np.random.default_rng(11)

    def normal(shape: tuple[int, ...]) -> Any:
        return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    found = {}
    for op, (_, function) in CALLS.items():
        x, y = normal((3, 3)), normal((3, 3))
        value = np.asarray(function(x, y))
        is_complex = value.dtype.kind == "c"
        cotangent = normal(value.shape) if is_complex else rng.standard_normal(value.shape)
        found[op] = (x, y, cotangent, value, gradient(function, x, y, cotangent))
    return found


def together(ops: Collection[str]) -> tuple[dict[str, str], dict[str, Any], Any, list[str]]:
    """Return one graph of calls, each on operands of its own: a compiler is asked once."""
    body, inputs, upstream = {}, {}, []
    for op in ops:
        x, y, cotangent, value, _ = drawn()[op]
        text = CALLS[op][0].replace("X", f"X_{op}").replace("Y", f"Y_{op}")
        body[f"n_{op}"] = text
        flat = f"reshape(n_{op}, ({value.size},))"
        body[f"f_{op}"] = flat if value.dtype.kind == "c" else f"complex({flat}, 0)"
        inputs |= {f"X_{op}": in_parts(x), f"Y_{op}": in_parts(y)}
        upstream.append(np.asarray(cotangent, complex).reshape(-1))
    body["out"] = f"concat([{', '.join(f'f_{op}' for op in ops)}], axis=0)"
    whole = list(inputs)
    further = {"take": {"I": PICKED}, "where": {"B": CHOSEN}}
    for op in ops:
        inputs |= further.get(op, {})
    return body, inputs, in_parts(np.concatenate(upstream)), whole


def close(actual: Any, expected: Any, dtype: DType) -> bool:
    return bool(np.all(np.abs(actual - expected) <= ALLOWED[dtype] * np.abs(expected).max()))


def test_every_op_that_has_a_meaning_is_called() -> None:
    assert {*CALLS} == ANALYTIC | REAL_VALUED | OWN


def test_values_and_gradients_in_complex128(way: Way) -> None:
    require_right(way, [*CALLS] if (way.backend.name, way.mode) in FULL else FEW, "complex128")


@pytest.mark.parametrize("name", BUILT_IN)
def test_values_and_gradients_in_complex64(name: str, adapter: Callable[[str], Backend]) -> None:
    backend = adapter(name)
    require_right(Way(backend, backend.modes[0]), FEW, "complex64")


def require_right(way: Way, ops: Collection[str], dtype: DType) -> None:
    body, inputs, upstream, whole = together(ops)
    recording = way(body, inputs, upstream, dtype, whole)
    wrong = set()
    for op in ops:
        _, _, _, value, slopes = drawn()[op]
        held = recording.values[f"n_{op}"]
        actual = of_parts(held) if value.dtype.kind == "c" else held
        assert actual.shape == value.shape, op
        assert actual.dtype == np.dtype(dtype) or actual.dtype.kind == "f", op
        assert close(actual, value, dtype), op
        for name, expected in zip((f"X_{op}", f"Y_{op}"), slopes, strict=True):
            dx = of_parts(recording.gradients[name])
            assert dx.dtype == np.dtype(dtype), op
            if not close(dx, expected, dtype):
                wrong.add(op)
            elif not close(expected.conj(), expected, dtype):  # as a forgotten conjugate would be
                assert not close(dx.conj(), expected, dtype), op
    assert wrong == WRONG.get(way.backend.name, set()) & {*ops}


def test_a_real_loss_falls_along_the_gradient(way: Way) -> None:
    """L = |z - t|^2 has the gradient 2 (z - t): going against it leads to t."""
    z, t = np.array([1 + 2j, -0.5j]), np.array([0.25 - 1j, 3.0 + 0j])
    body = {"L": "sum(abs(Z - T) ** 2)"}
    inputs = {"Z": in_parts(z), "T": in_parts(t)}
    recording = way(body, inputs, 1.0, "complex128", ("Z", "T"))
    assert recording.values["L"].dtype == np.float64
    assert np.allclose(of_parts(recording.gradients["Z"]), 2 * (z - t), rtol=1e-14)
