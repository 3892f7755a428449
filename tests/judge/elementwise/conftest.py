"""Ways to compare, and numbers in any dtype."""

from __future__ import annotations

import pytest
from schedules import SCHEDULES

from gradcmp.judge.elementwise.arrays import compare_all
from gradcmp.judge.elementwise.compiled import kernels


@pytest.fixture(
    params=[
        pytest.param(schedule, marks=pytest.mark.slow if name == "compiled" else (), id=name)
        for name, schedule in SCHEDULES.items()
    ]
)
def by(request):
    """Compare side by side, in many small chunks, or by three threads of compiled loops."""
    assert kernels() is not None, "numba is missing"

    def compare_by(actual, expected, rule):
        (comparison,) = compare_all([(actual, expected)], rule, request.param)
        return comparison

    return compare_by
