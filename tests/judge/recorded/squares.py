"""Recordings of a small graph, and arrays of one's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcmp.case import Case, DTypeTable, Expression, InputSpec
from gradcmp.judge.verdict import Pair
from gradcmp.recording import COTANGENT, Origin, Recording, fingerprint

RNG = np.random.default_rng(77)


X, DY = RNG.standard_normal((2, 4, 3))


PAIR = Pair("torch", "numpy")


TABLE = DTypeTable()


def square(dtype="float32", x=X):
    """Y = X², by hand: dX = 2 X dY."""
    case = Case(
        "square", {"X": InputSpec("normal", (4, 3))}, {"Y": Expression("X * X")}, "Y", ("X",), ()
    )
    return Recording(
        "a backend",
        dtype,
        {"X": x.astype(dtype), "Y": (x * x).astype(dtype)},
        {"Y": DY.astype(dtype), "X": (2 * x * DY).astype(dtype)},
        origin=Origin(case, {"X": fingerprint(x), COTANGENT: fingerprint(DY)}),
    )


def reasons(verdict):
    return {name: c.verdict.reason for _, name, c in verdict.disagreements}


def of(recording, label, **changed):
    return replace(recording, backend=label, **changed)
