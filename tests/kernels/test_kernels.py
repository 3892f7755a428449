"""Hand-written torch backwards: right ones agree, and what is planted in them is found."""

import sys
from pathlib import Path

import pytest
from surroundings import framework

framework("torch")
pytestmark = pytest.mark.frameworks

sys.path.insert(0, str(Path(__file__).parents[2]))  # where the benchmarks are

import gradcmp  # noqa: E402
from benchmarks.native.kernels import KERNELS  # noqa: E402

PLANTED = [
    pytest.param(
        name,
        bug,
        dtype,
        id=f"{name}-{bug}-{dtype}",
        marks=pytest.mark.thorough if number > 1 or dtype != planted.dtypes[0] else (),
    )
    for name, kernel in KERNELS.items()
    for number, (bug, planted) in enumerate(kernel.bugs.items())
    if not planted.contiguous
    for dtype in planted.dtypes
]
CONTIGUOUS = [
    pytest.param(name, bug, id=f"{name}-{bug}")
    for name, kernel in KERNELS.items()
    for bug, planted in kernel.bugs.items()
    if planted.contiguous
]
READ = "the cotangent is read as if it were contiguous"
WRONG = {"bug", "non-finite"}  # never merely suspect


def judged(name, function, dtype):
    kernel = KERNELS[name]
    functions = {"fused": function, "eager": kernel.eager}
    return gradcmp.compare_functions(
        functions, kernel.inputs, dtype=dtype, framework="torch", **kernel.options
    )


def said(verdict):
    """Return all that is said of what the fused kernel has wrong, by tensor."""
    return {
        name: [*(cause.text for cause in finding.causes), finding.where]
        for pair, by in verdict.findings.items()
        for name, finding in by.items()
        if pair.actual == "fused" and "float64" in pair.expected
    }


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", KERNELS)
def test_a_right_kernel_agrees(name, dtype):
    kernel = KERNELS[name]
    verdict = gradcmp.assert_gradients_agree(
        kernel.fused.apply,
        against=kernel.eager,
        inputs=kernel.inputs,
        dtype=dtype,
        framework="torch",
        **kernel.options,
    )
    assert verdict.comparisons
    assert not verdict.warnings
    assert not verdict.weak


@pytest.mark.first(4)
@pytest.mark.parametrize("name", KERNELS)
def test_a_right_kernel_agrees_in_float64_though_it_adds_up_in_float32(name):
    verdict = judged(name, KERNELS[name].fused.apply, "float64")
    assert verdict.agrees
    assert {one.verdict.reason for _, _, one in verdict.warnings} <= {"precision"}


@pytest.mark.parametrize(("name", "bug", "dtype"), PLANTED)
def test_a_planted_bug_is_found_and_the_kernel_named(name, bug, dtype):
    planted = KERNELS[name].bugs[bug]
    verdict = judged(name, planted.function, dtype)
    assert not verdict.agrees
    for pair, by in verdict.comparisons.items():
        wrong = {one: seen.verdict.reason for one, seen in by.items() if not seen.agrees}
        if "fused" not in (pair.actual, pair.expected):
            assert not wrong
            continue
        assert wrong.keys() == {*planted.wrong}
        assert {*wrong.values()} <= WRONG
        for one in wrong:
            assert verdict.findings[pair][one].side == "fused"
    if dtype == "float32":
        assert any(planted.cause in text for texts in said(verdict).values() for text in texts)


@pytest.mark.first(4)
@pytest.mark.parametrize("name", KERNELS)
def test_a_planted_bug_is_one_in_float64_too(name):
    planted = next(iter(KERNELS[name].bugs.values()))
    verdict = judged(name, planted.function, "float64")
    wrong = {tensor: one.verdict.reason for _, tensor, one in verdict.disagreements}
    assert wrong == dict.fromkeys(planted.wrong, "bug")


@pytest.mark.parametrize(("name", "bug"), CONTIGUOUS)
def test_a_contiguous_cotangent_that_is_assumed_is_found(name, bug):
    verdict = judged(name, KERNELS[name].bugs[bug].function, "float32")
    assert not verdict.agrees
    assert not verdict.disagreements  # with contiguous cotangents all is right
    assert not verdict.layouts["eager"].wrong
    found = verdict.layouts["fused"].wrong
    assert any("cotangent" in words for words in found)
    assert any(one.cause == READ for one in found.values())


@pytest.mark.parametrize("name", KERNELS)
def test_enough_is_planted_and_half_of_it_has_a_cause(name):
    bugs = [one for one in KERNELS[name].bugs.values() if not one.contiguous]
    if name != "soft targets":
        assert len(bugs) >= 4
    assert 2 * sum(bool(one.cause) for one in bugs) >= len(bugs)
