"""Inputs as source: written out when small, else drawn again, else stored beside the code."""

from __future__ import annotations

import ast
import hashlib
import inspect
from typing import Any

import numpy as np

from gradcmp import inputs
from gradcmp.case import DTYPES, Case, InputSpec
from gradcmp.explain.reference.arrays import written
from gradcmp.explain.reference.traced import Traced
from gradcmp.explain.reference.trees import call, literal, name
from gradcmp.inputs.draw import COTANGENT
from gradcmp.ops import Array


def rng(name: str, seed: int) -> np.random.Generator:
    """Return the generator of one input: it depends on the seed and the name alone."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


RNG = inspect.getsource(rng).rstrip()


def source(case: Case, what: str, array: Array) -> ast.expr | None:
    """Return the tree that makes an input, or the cotangent, as it was drawn.

    Parameters
    ----------
    what : str
        The name of an input, or `gradcmp.inputs.draw.COTANGENT`, with the name of an output behind
        a slash where there are several.

    Returns
    -------
    tree or None
        None when it is too large to be written out and cannot be drawn again.
    """
    tree = written(array)
    if tree is not None:
        return tree
    upstream = InputSpec("normal", array.shape) if what.startswith(COTANGENT) else None
    spec = upstream or case.inputs[what]
    again = _drawn(case, what, spec)
    return again.tree if again is not None and np.array_equal(again.value, array) else None


def _drawn(case: Case, what: str, spec: InputSpec) -> Traced | None:
    draw: Any = inputs.KINDS[spec.kind].draw
    generator = _Generator(rng(what, case.seed), call(name("rng"), map(literal, (what, case.seed))))
    if spec.parameters.get(inputs.EDGE) or spec.parameters.get(inputs.SYMMETRIC):
        return None
    drawn = draw(generator, spec.shape, **inputs.own(spec.parameters))
    if not isinstance(drawn, Traced):
        return None
    if not case.round_inputs or drawn.dtype != np.float64:
        return drawn
    return _rounded(drawn, case)


def _rounded(x: Traced, case: Case) -> Traced | None:
    value, tree = x.value, x.tree
    for dtype in sorted(case.dtypes - {"float64"}, key=DTYPES.index, reverse=True):
        if dtype == "bfloat16":
            return None  # no dtype of NumPy's own
        value = value.astype(dtype).astype(np.float64)
        for step in (dtype, "float64"):
            tree = call(ast.Attribute(tree, "astype"), [name(f"np.{step}")])
    return Traced(value, tree)


class _Generator:
    """A generator that remembers what was asked of it."""

    def __init__(self, generator: np.random.Generator, tree: ast.expr) -> None:
        self._generator = generator
        self._tree = tree

    def __getattr__(self, method: str) -> Any:
        def draw(*arguments: Any) -> Traced:
            value = getattr(self._generator, method)(*arguments)
            return Traced(value, call(ast.Attribute(self._tree, method), map(literal, arguments)))

        return draw
