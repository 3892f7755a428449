"""Public reports on the gradients of torch.compile: slices and diagonals that are replaced.

Which of them the torch that is installed here (2.13, on a CPU) still shows, by the first stage that
is wrong; None where it shows none. They were reported of 2.10 to 2.12, most of them on a GPU.
"""

from __future__ import annotations

import pytest
from surroundings import framework

import gradcmp

torch = framework("torch")
pytestmark = [pytest.mark.frameworks, pytest.mark.slow]

SHOWN = {180164: None, 180771: None, 180772: None, 182012: None, 182765: None, 183898: None}


def slices(x, y):
    return torch.slice_scatter(x, y, dim=1, start=0, end=6).sum(dim=1)


def slice_at(start):
    return lambda x, y: torch.slice_scatter(x, y, dim=0, start=start, end=start + y.shape[0]).sum()


def diagonal(offset):
    return lambda x, y: torch.diagonal_scatter(x, y, offset).sum()


REPORTS = {
    180164: (slices, {"x": "normal:4x13x33", "y": "normal:4x6x33"}),
    180771: (slice_at(0), {"x": "normal:5", "y": "normal:2"}),
    180772: (slice_at(2), {"x": "normal:5", "y": "normal:2"}),
    182012: (diagonal(0), {"x": "normal:8x8", "y": "normal:8"}),
    182765: (diagonal(1), {"x": "normal:8x8", "y": "normal:7"}),
    183898: (slice_at(1), {"x": "normal:6", "y": "normal:3"}),
}


def all_reports(**inputs):
    """Return what every report computes: one graph, since each graph takes seconds."""
    return {
        f"of_{number}": function(inputs[f"x_{number}"], inputs[f"y_{number}"])
        for number, (function, _) in REPORTS.items()
    }


# Every layout would be compiled anew; they are no part of these reports.
ASKED = {"against": "eager", "framework": "torch", "layouts": "off"}
GIVEN = {f"{name}_{n}": spec for n, (_, specs) in REPORTS.items() for name, spec in specs.items()}


def first_wrong(verdict, number):
    """Return the first stage at which a gradient of one report is wrong."""
    names = {name for _, name, _ in verdict.disagreements if name.endswith(f"_{number}")}
    wrong = [one.mode for one in verdict.stages.get("compiled", ()) if one.wrong]
    return wrong[0] if names else None


@pytest.fixture(scope="module")
def verdict():
    functions = {"eager": all_reports, "compiled": gradcmp.Function(all_reports, mode="compile")}
    return gradcmp.compare_functions(functions, GIVEN, **ASKED)


@pytest.mark.parametrize("number", REPORTS)
def test_a_report(verdict, number):
    assert f"d x_{number}" in verdict.tensors
    assert first_wrong(verdict, number) == SHOWN[number]


@pytest.mark.parametrize("number", [180164, 182765])
def test_where_it_shows_the_compiled_side_is_named(number):
    """As reported: the value is right, and the gradient of what is kept is zero."""
    function, inputs = REPORTS[number]

    def as_reported(x, y):
        return function(x.detach() if torch.compiler.is_compiling() else x, y)

    functions = {
        "eager": as_reported,
        "compiled": gradcmp.Function(as_reported, mode="aot_eager"),
    }
    verdict = gradcmp.compare_functions(functions, inputs, **ASKED)
    assert {name for _, name, _ in verdict.disagreements} == {"d x"}
    sides = {by["d x"].side for by in verdict.findings.values() if "d x" in by}
    assert sides == {"compiled"}
    assert [one.wrong for one in verdict.stages["compiled"]] == [False, True]
