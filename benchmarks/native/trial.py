"""One comparison of two functions, and what came out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import gradcmp
from gradcmp.native.torch.engine import prepare

# From the worst on; what is not among them is a failure of the comparison itself.
REASONS = (
    "bug",
    "non-finite",
    "suspect",
    "precision",
    "note",
    "kink",
    "range",
    "rounding",
    "exact",
)
FOUND = ("bug", "non-finite", "suspect")
LIVE = 1e-9  # of the largest number of a gradient: what changes less is no mutant


def reason(
    first: Callable[..., Any],
    other: Callable[..., Any],
    inputs: Mapping[str, Any],
    dtype: str,
    framework: str = "torch",
    **options: Any,
) -> str:
    """Return the worst reason among the outputs and gradients of the second function."""
    verdict = gradcmp.compare_functions(
        {"other": other, "first": first},
        inputs,
        against="first",
        dtype=dtype,
        framework={"other": framework, "first": "torch"},
        layouts="off",
        **options,
    )
    found = {
        one.verdict.reason
        for pair, by in verdict.comparisons.items()
        if "other" in (pair.actual, pair.expected)
        for one in by.values()
    }
    return next((one for one in REASONS if one in found), "failed")


def is_live(
    right: Callable[..., Any], mutant: Callable[..., Any], inputs: Mapping[str, Any], **options: Any
) -> bool:
    """Whether a mutant changes a gradient at all."""

    def drawn(_: str, shape: tuple[int, ...]) -> Any:
        return np.random.default_rng(7).normal(size=shape)

    def gradients(function: Callable[..., Any]) -> Mapping[str, Any]:
        side = prepare(function, inputs, cotangents=drawn, watched=False, **options)
        return side.plain("float64").gradients

    one, other = gradients(right), gradients(mutant)
    return any(
        np.max(np.abs(other[name] - array)) > LIVE * np.max(np.abs(array))
        for name, array in one.items()
    )
