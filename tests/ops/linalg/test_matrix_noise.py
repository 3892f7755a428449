"""Routines on matrices stray in float32 about as far as the noise model says.

SciPy's LAPACK computes float32 in float32, NumPy's in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import linalg

from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.kinks import ExactModel
from gradcmp.judge.noise.model import NoiseModel, NoisyArray
from gradcmp.ops import Array
from gradcmp.ops.linalg import functions, inverses
from gradcmp.ops.routines import (
    STABILITY,
    Routine,
    Stability,
    eigenpairs,
    lower_factor,
    orthogonal_factors,
    singular_parts,
    stably,
)

u = FORMATS["float32"].u


def first(x: Array) -> Array:
    return eigenpairs(x)[0]


def middle(x: Array) -> Array:
    return singular_parts(x)[1]


def right(x: Array) -> Array:
    return orthogonal_factors(x)[1]


def right_factor(x: Array) -> Array:
    r: Array = linalg.qr(x, mode="economic")[1]
    return r * np.sign(np.diag(r))[:, None]


# Ours, the same in SciPy, and whose stability it has.
ROUTINES: dict[str, tuple[Routine, Callable[..., Any], Routine]] = {
    "inv": (np.linalg.inv, linalg.inv, np.linalg.inv),
    "solve": (np.linalg.solve, linalg.solve, np.linalg.solve),
    "cholesky": (lower_factor, lambda x: linalg.cholesky(x, lower=True), lower_factor),
    "qr": (right, right_factor, orthogonal_factors),
    "eigvalsh": (first, linalg.eigvalsh, eigenpairs),
    "svdvals": (middle, linalg.svdvals, singular_parts),
    "pinv": (inverses._pseudoinverse, linalg.pinv, inverses._pseudoinverse),
    "expm": (functions._expm, linalg.expm, functions._expm),
}


def operands(name: str, n: int, seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, n))
    if name in ("cholesky", "eigvalsh"):
        x = x @ x.T / n + np.eye(n) / 10
    if name == "expm":
        x *= 2 / np.linalg.norm(x, 2)
    found = [x, rng.standard_normal((n, 2))][: 2 if name == "solve" else 1]
    return [one.astype(np.float32).astype(float) for one in found]


def ratio(name: str, stability: Stability) -> float:
    """Return what float32 loses in SciPy as a multiple of what is expected, root mean squares."""
    ours, theirs, _ = ROUTINES[name]
    error, noise = [], []
    for n in (3, 10, 40):
        for seed in range(3):
            x = operands(name, n, seed)
            model = NoiseModel(FORMATS["float32"], 16, np.random.default_rng(0))
            stacks = [NoisyArray(np.repeat(one[None], 17, axis=0), model) for one in x]
            noisy, exact = stably(ours, *stacks).stack, ours(*x)
            np.testing.assert_allclose(noisy[0], exact, rtol=1e-12, atol=1e-13)
            error.append(rms(theirs(*(one.astype(np.float32) for one in x)) - exact))
            noise.append(rms(noisy[1:] - exact))
    return float(np.median(np.array(error) / noise))


def rms(x: Any) -> float:
    return float(np.sqrt(np.mean(np.square(x))))


@pytest.mark.parametrize("name", ROUTINES)
@pytest.mark.parametrize(("times", "enough"), [(1.0, True), (0.03, False), (100.0, False)])
def test_a_routine_strays_about_as_far_as_it_says(
    name: str, times: float, enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, _, home = ROUTINES[name]
    known = STABILITY.get(home, Stability())
    said = Stability(known.operands * times, known.results * times)
    monkeypatch.setitem(STABILITY, ours, said)
    assert (0.05 <= ratio(name, said) <= 1) == enough


def test_equal_matrices_have_equal_errors_and_a_triangle_fills() -> None:
    model = NoiseModel(FORMATS["float32"], 8, np.random.default_rng(0))
    x = np.tril(np.random.default_rng(1).standard_normal((3, 3))) + 3 * np.eye(3)
    both = NoisyArray(np.repeat(np.stack([x, x])[None], 9, axis=0), model)
    found = stably(np.linalg.inv, both).stack
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    assert np.all(found[1:] != found[:1])  # a general routine fills the other triangle


@pytest.mark.parametrize("routine", [np.linalg.solve, functions._expm_derivative])
def test_a_matrix_that_has_no_noise_is_moved_as_well(routine: Routine) -> None:
    """A solver strays from what it is given, whatever is known of that."""
    model = NoiseModel(FORMATS["float32"], 8, np.random.default_rng(0))
    x, y = np.random.default_rng(2).standard_normal((2, 4, 4))
    noisy = NoisyArray(np.repeat(y[None], 9, axis=0), model)
    both = NoisyArray(np.repeat(x[None], 9, axis=0), model)
    alone, beside = stably(routine, x, noisy).stack, stably(routine, both, noisy).stack
    np.testing.assert_array_equal(alone[0], routine(x, y))
    assert 0.5 <= rms(alone[1:] - alone[0]) / rms(beside[1:] - beside[0]) <= 2


def test_small_cotangents_are_not_lost_in_the_noise_of_the_matrix() -> None:
    """The second operand strays by its own size, whatever that of the first."""
    model = NoiseModel(FORMATS["float32"], 8, np.random.default_rng(0))
    x, e = np.random.default_rng(1).standard_normal((2, 4, 4))
    stacks = [NoisyArray(np.repeat(one[None], 9, axis=0), model) for one in (x, 1e-12 * e)]
    found = stably(functions._expm_derivative, *stacks).stack
    assert np.abs(found[1:] - found[0]).max() <= 1000 * u * np.abs(found[0]).max()


def test_without_noise_nothing_is_moved() -> None:
    model = ExactModel(FORMATS["float32"], 4, np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((3, 3))
    found = stably(np.linalg.inv, NoisyArray(np.repeat(x[None], 5, axis=0), model)).stack
    np.testing.assert_array_equal(found, np.repeat(found[:1], 5, axis=0))


def test_a_singular_matrix_has_noise_beside_it() -> None:
    """A replica of a singular matrix need not be singular; the base is, and stays so."""
    model = NoiseModel(FORMATS["float32"], 4, np.random.default_rng(0))
    x = np.stack([np.ones((2, 2)), np.eye(2)])
    found = stably(np.linalg.inv, NoisyArray(np.repeat(x[None], 5, axis=0), model)).stack
    assert np.isnan(found[0, 0]).all()
    assert np.isfinite(found[:, 1]).all()
