"""What frameworks return at the points where they lawfully differ: asked, and put into words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from gradcmp.case import BackendSpec, DType
from gradcmp.measured.asked import PATIENCE, Given, ask, ways
from gradcmp.measured.calls import Call
from gradcmp.ops import Array, Kink, Op
from gradcmp.ops.conventions import Conventions, points
from gradcmp.workers import Pool


def call(op: Op, kink: Kink) -> Call:
    """Return the call at a point, with ones for the upstream gradient."""
    inputs = {name: np.asarray(x) for name, x in kink.inputs.items()}
    made = Call(op, kink.name, kink.expression, inputs)
    return replace(made, given=np.ones(made.value.shape))


def calls(ops: Iterable[Op]) -> list[Call]:
    """Return the calls at all points of ops."""
    return [call(op, kink) for op, kink in points(ops)]


def by_dtype(asked: Iterable[Call]) -> dict[DType, list[Call]]:
    """Return calls of real and of complex numbers: no graph has both."""
    found: dict[DType, list[Call]] = {}
    for one in asked:
        found.setdefault(one.dtype, []).append(one)
    return found


def measure(pool: Pool, backends: Iterable[BackendSpec], ops: Iterable[Op]) -> Conventions:
    """Ask backends for their answers at every point of ops, in all modes unless one is named."""
    found, known = Conventions(), ways(pool, backends)
    asked = [
        (BackendSpec(one.name, mode, dtype, timeout=PATIENCE), those)
        for dtype, those in by_dtype(calls(ops)).items()
        for one in known
        for mode in one.modes
    ]
    found.versions = {one.name: one.version for one in known if one.version}
    found.silent = {one.name: one.why for one in known if one.why}
    for spec, one, given in ask(pool, asked):
        row = found.rows.setdefault(one.op.name, {}).setdefault(one.name, {})
        row[f"{spec.name}:{spec.mode}"] = given if isinstance(given, str) else answer(given)
    return found


def answer(given: Given) -> str:
    """Return value and gradients in words: ``value 0, d x 0.5``."""
    slopes = [f"d {name} {numbers(x)}" for name, x in given.gradients.items()]
    return ", ".join([f"value {numbers(given.value)}", *slopes])


def numbers(x: Array) -> str:
    """Return the elements of a small array, of several in brackets; a zero has no sign."""
    each = [_number(one) for one in np.asarray(x).reshape(-1)]
    return each[0] if len(each) == 1 else f"[{', '.join(each)}]"


def _number(x: Any) -> str:
    if isinstance(x, complex):
        return f"{x.real + 0.0:.6g}{x.imag + 0.0:+.6g}j"
    return f"{float(x) + 0.0:.6g}"
