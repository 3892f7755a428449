"""Gradients of which one is spoiled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradcmp.judge.causes.diagnosis import diagnose
from gradcmp.judge.causes.evidence import Evidence, Float

SHAPES = ((7, 5), (6, 6), (3, 4, 5), (40,))


U = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


class Scene:
    """A random gradient, the noise that a correct implementation shows, and its neighbours."""

    def __init__(self, seed: int, shape: tuple[int, ...], dtype: str = "float32") -> None:
        self.rng = np.random.default_rng([seed, *shape])
        self.dtype = dtype
        self.expected = self.rng.standard_normal(shape)
        self.noise = 3 * U[dtype] * (np.abs(self.expected) + 0.3)
        self.others = {
            "X": self.rng.standard_normal(shape),
            "d node1": self.rng.standard_normal(shape),
            "d long": self.rng.standard_normal((11, *shape)),
            "batch": self.rng.standard_normal((32, 2)),
        }

    @property
    def correct(self) -> Float:
        """What a correct implementation gives."""
        return self.expected + 0.7 * self.noise * self.rng.standard_normal(self.expected.shape)

    def diagnose(self, actual: Float, **more: object) -> list[str]:
        """Return the causes in words."""
        facts = {"noise": self.noise, "limit": 8.0, "dtype": self.dtype, "others": self.others}
        found = diagnose(Evidence(actual, self.expected, **{**facts, **more}))  # type: ignore[arg-type]
        assert all(cause.residual <= 8.0 for cause in found)
        return [cause.text for cause in found]


Spoil = Callable[[Float, Scene], Float]


SPOILS: dict[str, tuple[Spoil, str]] = {
    "negated": (lambda e, s: -e, "the sign is flipped"),
    "doubled": (lambda e, s: 2 * e, "2 × too large"),
    "halved": (lambda e, s: e / 2, "2 × too small"),
    "mean for sum": (
        lambda e, s: e / e.shape[0],
        "{n} × too small; {n} is the length of axis 0",
    ),
    "sum for mean": (
        lambda e, s: e * e.shape[0],
        "{n} × too large; {n} is the length of axis 0",
    ),
    "batch": (
        lambda e, s: e / 32,
        "32 × too small; 32 is the length of axis 0 of 'batch'",
    ),
    "batch - 1": (
        lambda e, s: e * 32 / 31,
        "a factor of 32/31; 32 is the length of axis 0 of 'batch'",
    ),
    "offset": (lambda e, s: e + 0.37, "a constant, 0.37, is added to every element"),
    "some factor": (lambda e, s: 1.2345 * e, "a factor of 1.2345"),
    "some negative factor": (lambda e, s: -1.2345 * e, "a factor of -1.2345"),
    "a small factor": (lambda e, s: 1.0001 * e, "a factor of 1 + 0.0001"),
    "reversed": (lambda e, s: e[::-1], "reversed along axis 0"),
    "rolled": (lambda e, s: np.roll(e, 1, -1), "rolled by +1 along axis {last}"),
    "zero": (lambda e, s: np.zeros_like(e), "it is zero everywhere"),
    "dropped": (lambda e, s: e - s.others["d node1"], "'d node1' is missing"),
    "counted twice": (lambda e, s: e + s.others["X"], "'X' is accumulated twice"),
    "summed": (lambda e, s: e.sum(0), "summed over axis 0, which belongs to the result"),
    "averaged": (lambda e, s: e.mean(0), "averaged over axis 0, which belongs to the result"),
}
