"""A symmetric input of functions: gradients are compared in their symmetric part."""

from __future__ import annotations

import numpy as np
import pytest

import gradcmp
from gradcmp.case import InputSpec

MATRIX = [[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]]


def by_torch(A):
    import torch

    return torch.linalg.cholesky(A)


def of_lower_triangle(A):
    """Cholesky of what LAPACK reads, the lower triangle: torch's gradient is symmetric instead.

    Ref: Murray (2016), Differentiation of the Cholesky decomposition, section 3.1.
    """
    lower = np.linalg.cholesky(A.astype(np.float64)).astype(A.dtype)

    def pullback(slope):
        phi = np.tril(lower.T @ slope)
        phi -= np.diag(np.diag(phi)) / 2
        inverse = np.linalg.inv(lower)
        both = inverse.T @ (phi + phi.T) @ inverse
        return {"A": np.tril(both) - np.diag(np.diag(both)) / 2}

    return lower, pullback


def spoiled(A):
    """Wrong by one part in a hundred in one element off the diagonal, whose mirror image is 0."""
    lower, pullback = of_lower_triangle(A)

    def wrong(slope):
        gradient = pullback(slope)["A"]
        gradient[2, 0] *= 1.01
        return {"A": gradient}

    return lower, wrong


def in_a_tuple(A):
    lower, pullback = of_lower_triangle(A)
    return lower, lambda slope: (pullback(slope)["A"],)


def compared(function, symmetric, **options):
    spec = InputSpec("values", None, {"values": MATRIX, "symmetric": symmetric})
    functions = {"mine": function, "torch": by_torch}
    homes = {"mine": "torch" if function is by_torch else "numpy", "torch": "torch"}
    return gradcmp.compare_functions(functions, {"A": spec}, framework=homes, **options)


@pytest.mark.parametrize(
    ("function", "symmetric", "agrees"),
    [
        (of_lower_triangle, True, True),
        (of_lower_triangle, False, False),
        (in_a_tuple, True, True),
        (spoiled, True, False),
    ],
)
def test_symmetric_parts_are_compared(function, symmetric, agrees, with_torch):
    verdict = compared(function, symmetric)
    assert verdict.agrees is agrees
    apart = [n for by in verdict.comparisons.values() for n, one in by.items() if not one.agrees]
    assert {*apart} == ({"d A"} if not agrees else set())


def test_a_gradient_that_a_framework_hands_back_is_symmetric(with_torch):
    verdict = compared(of_lower_triangle, True)
    for recording in verdict.recordings.values():
        gradient = recording.gradients["A"].astype(np.float64)
        np.testing.assert_allclose(gradient, gradient.T, rtol=1e-6)


def test_other_orders_go_through_the_symmetric_part(with_torch):
    def second(A):
        import torch

        return torch.linalg.cholesky(A, upper=True).mT

    functions = {"lower": by_torch, "upper": second}
    spec = InputSpec("values", None, {"values": MATRIX, "symmetric": True})
    verdict = gradcmp.compare_functions(
        functions, {"A": spec}, framework="torch", derivative="hvp", dtype="float64"
    )
    assert verdict.agrees
    for recording in verdict.recordings.values():
        (product,) = (x for name, x in recording.values.items() if name.startswith("H v"))
        np.testing.assert_allclose(product, product.T, rtol=1e-9, atol=1e-12)


def test_a_module_takes_no_symmetric_input(with_torch):
    import torch

    spec = InputSpec("values", None, {"values": MATRIX, "symmetric": True})
    linear = torch.nn.Linear(3, 3)
    with pytest.raises(gradcmp.GradcmpError, match="brings parameters of its own"):
        gradcmp.compare_functions({"a": linear, "b": linear}, {"input": spec}, framework="torch")


def test_a_symmetric_leaf_of_a_container_is_refused(with_torch):
    spec = InputSpec("values", None, {"values": MATRIX, "symmetric": True})

    def first(p):
        return by_torch(p["A"])

    verdict = gradcmp.compare_functions(
        {"a": first, "b": first}, {"p": {"A": spec}}, framework="torch"
    )
    assert not verdict.agrees
    assert "no input 'p.A' of its own" in str(verdict.failures)
