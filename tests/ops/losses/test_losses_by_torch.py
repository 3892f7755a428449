"""Losses against torch's own on the CPU, with every keyword."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from both_ways import assert_alike, classes, in_torch, normal, positive, reference

from gradcmp.backends import Backend
from gradcmp.ops import Array

X, Y, P, Q = normal(4, 3), normal(4, 3), positive(4, 3), positive(4, 3)
LOGITS, LABELS, WEIGHT = normal(5, 4, 3), classes(4, 5, 3), positive(4)
SOFT = np.exp(normal(5, 4, 3))
SIGNS = np.array([1, -1, 0, -1])
REDUCTIONS = ("mean", "sum", "none")
ROW = positive(4, 1)

# op, operands, keywords that torch has as well, operands that it has no derivative for.
CASES: list[tuple[str, list[Array | None], dict[str, Any], list[int]]] = [
    ("mse_loss", [X, Y], {}, []),
    ("l1_loss", [X, Y], {}, []),
    ("smooth_l1_loss", [X, Y], {"beta": 0.7}, []),
    ("smooth_l1_loss", [X, Y], {"beta": 0.0}, []),
    ("huber_loss", [X, Y], {"delta": 0.7}, []),
    ("binary_cross_entropy", [P, Q], {}, []),
    ("binary_cross_entropy", [P, Q, ROW], {}, [2]),
    *(
        ("binary_cross_entropy_with_logits", operands, {}, [2, 3])
        for operands in ([30 * X, Q], [X, Q, ROW], [X, Q, None, P[0]], [X, Q, P, P[0]])
    ),
    ("kl_div", [np.log(P), Q], {}, []),
    ("kl_div", [np.log(P), np.log(Q)], {"log_target": True}, []),
    ("cosine_embedding_loss", [X, Y, SIGNS], {"margin": -0.3}, []),
    ("triplet_margin_loss", [X, Y, P], {}, []),
    *(
        ("triplet_margin_loss", [X, Y, Y[::-1].copy()], keywords, [])
        for keywords in ({"swap": True, "margin": 2.0}, {"p": 3.0, "eps": 0.1}, {"p": 1.0})
    ),
    *(
        (op, [LOGITS, LABELS, weight], {"ignore_index": ignored}, [2])
        for op in ("cross_entropy", "nll_loss")
        for weight in (None, WEIGHT)
        for ignored in (-100, 2)
    ),
    ("cross_entropy", [LOGITS, LABELS, WEIGHT], {"label_smoothing": 0.3}, [2]),
    ("cross_entropy", [LOGITS, SOFT, None], {}, []),
    ("cross_entropy", [LOGITS, SOFT, WEIGHT], {"label_smoothing": 0.3}, []),
]


@pytest.fixture(scope="module")
def torch(adapter: Callable[[str], Backend]) -> Any:
    """Return torch, or skip where it is missing."""
    return adapter("torch").torch  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("op", "operands", "keywords", "constant"),
    CASES,
    ids=[f"{op} {len(operands)} {keywords}" for op, operands, keywords, _ in CASES],
)
def test_is_what_torch_gives(
    torch: Any,
    op: str,
    operands: list[Array | None],
    keywords: dict[str, Any],
    constant: list[int],
    reduction: str,
) -> None:
    def function(*tensors: Any) -> Any:
        frozen = [i in constant and t is not None for i, t in enumerate(tensors)]
        given = [t.detach() if held else t for t, held in zip(tensors, frozen, strict=True)]
        words: dict[str, Any] = {}
        if "binary" in op:
            words = dict(zip(("weight", "pos_weight"), given[2:], strict=False))
            given = given[:2]
        return getattr(torch.nn.functional, op)(*given, reduction=reduction, **words, **keywords)

    actual = reference(op, *operands, reduction=reduction, **keywords)
    assert_alike(actual, in_torch(torch, function, operands), constant)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda gradients: {**gradients, 1: -gradients[1]},
        lambda gradients: {**gradients, 1: gradients[1] * (1 + 1e-9)},
        lambda gradients: {**gradients, 1: np.where(gradients[1] == gradients[1].max(), np.nan, 0)},
        lambda gradients: {0: gradients[0]},
    ],
    ids=["negated", "scaled", "not a number", "missing"],
)
def test_a_spoiled_gradient_is_not_what_torch_gives(spoil: Callable[..., Any]) -> None:
    found = reference("mse_loss", X, Y)
    assert_alike(found, found)
    with pytest.raises(AssertionError):
        assert_alike(replace(found, gradients=spoil(found.gradients)), found)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("blank", [0, 2])
def test_ctc_is_what_torch_gives_behind_its_log_softmax(
    torch: Any, reduction: str, blank: int
) -> None:
    targets = np.array([[1, 1, 3], [3, 4, 1], [4, 4, 4], [3, 1, 4]])
    lengths = [np.array([9, 4, 8, 9]), np.array([3, 3, 2, 0])]

    def function(logits: Any, *rest: Any) -> Any:
        log_p = torch.nn.functional.log_softmax(logits, 2)
        return torch.nn.functional.ctc_loss(log_p, *rest, blank=blank, reduction=reduction)

    operands = [normal(9, 4, 5), targets, *lengths]
    actual = reference("ctc_loss", *operands, blank=blank, reduction=reduction)
    assert_alike(actual, in_torch(torch, function, operands))


def test_hinge_is_torchs_margin_ranking(torch: Any) -> None:
    def function(x: Any, target: Any) -> Any:
        return torch.nn.functional.margin_ranking_loss(x, torch.zeros_like(x), target, margin=1.0)

    operands = [X, np.sign(Y)]
    assert_alike(reference("hinge_loss", *operands), in_torch(torch, function, operands))


def test_a_mean_over_no_rows_is_nan_and_hands_zeros_back(torch: Any) -> None:
    """It is 0 / 0, and no row has a part in it."""
    operands = [LOGITS, np.full((5, 3), 2)]

    def function(*tensors: Any) -> Any:
        return torch.nn.functional.cross_entropy(*tensors, ignore_index=2)

    for found in (
        reference("cross_entropy", *operands, ignore_index=2),
        in_torch(torch, function, operands),
    ):
        assert np.isnan(found.value)
        np.testing.assert_array_equal(found.gradients[0], 0)
