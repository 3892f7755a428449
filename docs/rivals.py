"""The README's table: what others say of four pairs of functions, and what gradcmp says.

It stands between ``<!-- rivals -->`` and ``<!-- end -->``. ``python docs/rivals.py`` runs all of it
and writes it anew; the test suite compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gradcmp
from gradcmp.judge import CaseVerdict
from gradcmp.report.words.titles import title

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "examples"))
import kernels  # noqa: E402  the functions of the manual

PAGE = HERE.parent / "README.md"
PLACE = re.compile(r"(?<=^<!-- rivals -->\n).*?(?=^<!-- end -->$)", re.S | re.M)
SAYS = {True: "agrees", False: "**differs**"}


@dataclass(frozen=True)
class Rivals:
    """Two functions, their inputs, and which answer is right."""

    what: str
    mine: Callable[..., Any]
    expected: Callable[..., Any]
    inputs: Mapping[str, str | list[list[float]]]
    right: bool


PAIRS = (
    Rivals(
        "variance in one pass, x near 300: digits are lost, no bug",
        kernels.variance_in_one_pass,
        kernels.variance,
        {"x": "normal:16x64:mean=300"},
        right=True,
    ),
    Rivals(
        "another subgradient of relu at 0: no bug",
        kernels.relu_of_a_product,
        kernels.relu,
        {"x": [[-1.0, 0.0, 2.0], [0.5, -0.25, 1.0]]},
        right=True,
    ),
    Rivals(
        "RMS norm with ε = 1e-6 for 1e-5: a bug",
        kernels.rms_norm_of_another_eps,
        kernels.rms_norm,
        {"x": "normal:16x64:std=3", "w": "ones:64"},
        right=False,
    ),
    Rivals(
        "a backward that takes its cotangent for dense: a bug",
        kernels.DenseSwish.apply,
        kernels.swish,
        {"x": "normal:16x64"},
        right=False,
    ),
)


def filled(page: str) -> str:
    """Return the page with its table as it is now."""
    return PLACE.sub("".join(f"{line}\n" for line in table()), page)


def table() -> Iterator[str]:
    """Return a row for each pair."""
    yield "| | np.allclose | torch assert_close | gradcheck | gradcmp |"
    yield "|---|---|---|---|---|"
    for pair in PAIRS:
        functions = {"mine": pair.mine, "expected": pair.expected}
        inputs = {
            name: one if isinstance(one, str) else torch.tensor(one)
            for name, one in pair.inputs.items()
        }
        verdict = gradcmp.compare_functions(
            functions, inputs, against="expected", framework="torch", layouts="all"
        )
        said = (allclose(verdict), assert_close(verdict), gradcheck(pair, verdict))
        told = title(verdict)
        told = told.partition(": ")[2] if verdict.agrees and ": " in told else told
        mark = "agrees, warns" if verdict.agrees else "**differs**"
        yield f"| {pair.what} | {' | '.join(SAYS[one] for one in said)} | {mark}: {told} |"
        assert verdict.agrees == pair.right


def _arrays(verdict: CaseVerdict) -> list[tuple[np.ndarray, np.ndarray]]:
    mine, expected = (verdict.recordings[one].tensors for one in ("mine", "expected"))
    return [(mine[name], expected[name]) for name in expected]


def allclose(verdict: CaseVerdict) -> bool:
    """Return what NumPy says of all values and gradients, with its defaults."""
    return all(np.allclose(actual, expected) for actual, expected in _arrays(verdict))


def assert_close(verdict: CaseVerdict) -> bool:
    """Return what torch says of them, with its defaults."""
    try:
        for actual, expected in _arrays(verdict):
            torch.testing.assert_close(torch.from_numpy(actual), torch.from_numpy(expected))
    except AssertionError:
        return False
    return True


def gradcheck(pair: Rivals, verdict: CaseVerdict) -> bool:
    """Return what torch says of the backward in float64, by finite differences."""
    values = verdict.recordings["expected"].values
    inputs = [torch.from_numpy(values[name]).double().requires_grad_() for name in pair.inputs]
    return torch.autograd.gradcheck(pair.mine, inputs, raise_exception=False)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
