"""Losses with a pencil: small values, conventions, and what is refused."""

from __future__ import annotations

import math
from itertools import groupby, product
from typing import Any

import numpy as np
import pytest
from both_ways import normal, reference, refuses

from gradcmp.case import Expression
from gradcmp.errors import GraphError
from gradcmp.graph import infer
from gradcmp.graph.bounds import require_bounds
from gradcmp.graph.build import assemble
from gradcmp.graph.walk import spec_of
from gradcmp.ops import ArraySpec

ROWS = ArraySpec((4, 3))
LABELS = ArraySpec((4,), "int")
EMPTY = ArraySpec((0, 3))
SEQUENCE = {
    "x": ArraySpec((5, 4, 3)),
    "t": ArraySpec((4, 2), "int"),
    "n": LABELS,
    "m": LABELS,
}


def test_distances_of_two_numbers() -> None:
    x, target, dy = [3.0, -0.5], [1.0, 0.0], [10, -3]
    for op, value, slope, keywords in (
        ("mse_loss", [4.0, 0.25], [4.0, -1.0], {}),
        ("l1_loss", [2.0, 0.5], [1.0, -1.0], {}),
        ("smooth_l1_loss", [1.75, 0.25], [1.0, -1.0], {"beta": 0.5}),
        ("huber_loss", [1.5, 0.125], [1.0, -0.5], {"delta": 1.0}),
        ("huber_loss", [0.875, 0.125], [0.5, -0.5], {"delta": 0.5}),
    ):
        found = reference(op, x, target, dy=dy, reduction="none", **keywords)
        np.testing.assert_allclose(found.value, value, rtol=1e-15)
        np.testing.assert_allclose(found.gradients[0], np.multiply(slope, dy), rtol=1e-15)
        np.testing.assert_array_equal(found.gradients[1], -found.gradients[0])


def test_reductions_divide_the_cotangent() -> None:
    x, target = np.array([3.0, 0.0]), np.zeros(2)
    mean = reference("mse_loss", x, target, dy=10)
    assert mean.value == 4.5
    np.testing.assert_array_equal(mean.gradients[0], [30, 0])
    total = reference("mse_loss", x, target, dy=10, reduction="sum")
    assert total.value == 9
    np.testing.assert_array_equal(total.gradients[0], [60, 0])


def test_binary_cross_entropy_of_a_quarter() -> None:
    found = reference("binary_cross_entropy", [0.25], [1.0], dy=1, reduction="sum")
    assert found.value == pytest.approx(math.log(4), rel=1e-15)
    assert found.gradients[0] == pytest.approx(-4, rel=1e-15)
    assert found.gradients[1] == pytest.approx(math.log(3), rel=1e-15)
    logit = reference("binary_cross_entropy_with_logits", [-math.log(3)], [1.0], None, [2.0], dy=1)
    assert logit.value == pytest.approx(2 * math.log(4), rel=1e-15)
    assert logit.gradients[0] == pytest.approx(-1.5, rel=1e-15)
    assert logit.gradients[3] == pytest.approx(math.log(4), rel=1e-15)


@pytest.mark.parametrize(("x", "target"), [(60.0, 1.0), (-60.0, 0.0)])
def test_binary_cross_entropy_keeps_its_digits_far_out(x: float, target: float) -> None:
    found = reference("binary_cross_entropy_with_logits", x, target, dy=1)
    assert found.value == pytest.approx(math.exp(-60), rel=1e-12)
    assert abs(found.gradients[0]) == pytest.approx(math.exp(-60), rel=1e-12)


def test_weights_of_classes_are_what_the_mean_divides_by() -> None:
    log_p = np.log([[0.5, 0.5], [0.25, 0.75], [0.5, 0.5]])
    labels, weight = np.array([0, 0, 1]), np.array([3.0, 1.0])
    found = reference("nll_loss", log_p, labels, weight, dy=7)
    assert found.value == pytest.approx((3 * math.log(2) + 3 * math.log(4) + math.log(2)) / 7)
    np.testing.assert_array_equal(found.gradients[0], [[-3, 0], [-3, 0], [0, -1]])
    mean = found.value
    expected = [math.log(2) + math.log(4) - 2 * mean, math.log(2) - mean]
    np.testing.assert_allclose(found.gradients[2], expected, rtol=1e-14)


def test_ignored_rows_count_for_nothing() -> None:
    logits = normal(3, 4)
    some = reference("cross_entropy", logits, np.array([1, -5, 2]), dy=1, ignore_index=-5)
    kept = reference("cross_entropy", logits[[0, 2]], np.array([1, 2]), dy=1)
    assert some.value == pytest.approx(kept.value, rel=1e-15)
    np.testing.assert_allclose(some.gradients[0][[0, 2]], kept.gradients[0], rtol=1e-15)
    np.testing.assert_array_equal(some.gradients[0][1], 0)


@pytest.mark.parametrize("label", [-1, 4, -100])
def test_a_label_that_is_no_class_is_nan_and_never_another_class(label: int) -> None:
    found = reference(
        "cross_entropy", normal(2, 4), np.array([label, 1]), dy=[1, 1], reduction="none"
    )
    assert np.isnan(found.value[0])
    assert np.isfinite(found.value[1])
    assert np.isnan(found.gradients[0][0]).all()


def test_smoothed_labels_are_probabilities() -> None:
    logits, labels = normal(4, 3), np.array([0, 2, 1, 2])
    smooth = reference("cross_entropy", logits, labels, dy=1, label_smoothing=0.3)
    by_hand = reference("cross_entropy", logits, 0.7 * np.eye(3)[labels] + 0.1, dy=1)
    assert smooth.value == pytest.approx(by_hand.value, rel=1e-14)
    np.testing.assert_allclose(smooth.gradients[0], by_hand.gradients[0], rtol=1e-12)


def test_a_divergence_of_nothing_from_itself_is_zero() -> None:
    p = np.array([[0.25, 0.75, 0.0]])
    found = reference("kl_div", np.log(p + (p == 0)), p, reduction="batchmean")
    assert found.value == 0
    x, target = np.log([[0.5, 0.5]] * 2), [[0.25, 0.75], [0.5, 0.5]]
    found = reference("kl_div", x, target, dy=6, reduction="batchmean")
    assert found.value == pytest.approx(0.125 * math.log(0.5) + 0.375 * math.log(1.5), rel=1e-14)
    np.testing.assert_array_equal(found.gradients[0], [[-0.75, -2.25], [-1.5, -1.5]])


def test_margins() -> None:
    found = reference(
        "hinge_loss", [0.5, 3.0, 1.0], [1.0, 1.0, 1.0], dy=[4, 5, 6], reduction="none"
    )
    np.testing.assert_array_equal(found.value, [0.5, 0, 0])
    np.testing.assert_array_equal(found.gradients[0], [-4, 0, 0])
    anchor, positive, negative = np.zeros((1, 2)), np.array([[3.0, 4.0]]), np.array([[0.0, 2.0]])
    found = reference("triplet_margin_loss", anchor, positive, negative, dy=5, eps=0.0)
    assert found.value == 4
    np.testing.assert_allclose(found.gradients[1], [[3, 4]], rtol=1e-15)
    np.testing.assert_allclose(found.gradients[2], [[0, -5]], rtol=1e-15)
    x, y = np.array([[1.0, 0.0]] * 3), np.array([[3.0, 4.0]] * 3)
    found = reference(
        "cosine_embedding_loss",
        x,
        y,
        np.array([1, -1, 0]),
        margin=0.1,
        dy=[2, 3, 5],
        reduction="none",
    )
    np.testing.assert_allclose(found.value, [0.4, 0.5, 0], rtol=1e-11)
    # cos is 3 / 5, and by x it is y / 5 - 3 / 5 * x: (0, 4 / 5).
    np.testing.assert_allclose(found.gradients[0], [[0, -1.6], [0, 2.4], [0, 0]], 1e-11, 1e-11)


@pytest.mark.parametrize("target", [1, -1])
def test_a_cosine_that_is_no_number_is_no_loss_of_zero(target: int) -> None:
    x, y = np.array([[np.nan, 1.0]]), np.array([[3.0, 4.0]])
    assert np.isnan(reference("cosine_embedding_loss", x, y, np.array([target])).value)


def said(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """Return what steps say: repetitions once, and no blanks."""
    return tuple(label for label, _ in groupby(path) if label != blank)


@pytest.mark.parametrize("target", [(), (1,), (2, 1), (1, 1), (2, 2, 2)])
def test_ctc_is_the_sum_over_all_paths(target: tuple[int, ...]) -> None:
    steps, blank = 4, 0
    logits = normal(steps, 1, 3)
    p = np.exp(logits[:, 0]) / np.exp(logits[:, 0]).sum(1, keepdims=True)
    paths = [path for path in product(range(3), repeat=steps) if said(path, blank) == target]
    chances = [math.prod(p[t, k] for t, k in enumerate(path)) for path in paths]
    padded = np.array([[*target, *[1] * (3 - len(target))]])
    found = reference(
        "ctc_loss",
        logits,
        padded,
        np.array([steps]),
        np.array([len(target)]),
        reduction="sum",
        dy=1,
    )
    if not paths:
        assert found.value == np.inf
        np.testing.assert_array_equal(found.gradients[0], 0)
        return
    assert found.value == pytest.approx(-math.log(sum(chances)), rel=1e-13)
    share = np.zeros((steps, 3))
    for path, chance in zip(paths, chances, strict=True):
        share[np.arange(steps), path] += chance / sum(chances)
    np.testing.assert_allclose(found.gradients[0][:, 0], p - share, rtol=1e-11, atol=1e-14)


def test_ctc_without_a_path_is_zero_where_it_is_asked_for() -> None:
    found = reference(
        "ctc_loss",
        normal(2, 2, 3),
        np.array([[1, 1], [1, 2]]),
        np.array([2, 2]),
        np.array([2, 2]),
        zero_infinity=True,
        reduction="none",
        dy=[1, 1],
    )
    assert found.value[0] == 0
    assert found.value[1] > 0
    np.testing.assert_array_equal(found.gradients[0][:, 0], 0)


def test_classes_and_lengths_that_are_none_are_refused() -> None:
    for text, arrays, reason in (
        (
            "cross_entropy(x, t)",
            {"x": normal(2, 3), "t": np.array([0, 3])},
            "is 3 at .1., .* 0 to 2",
        ),
        ("nll_loss(x, t)", {"x": normal(2, 3), "t": np.array([-1, 0])}, "is -1 at .0."),
        (
            "ctc_loss(x, t, n, n)",
            {"x": normal(4, 1, 3), "t": np.array([[1]]), "n": np.array([2])},
            "'n' is 2 at .0., and must be from 0 to 1",
        ),
    ):
        inputs: dict[str, Any] = dict(arrays)
        graph = assemble(tuple(inputs), (("node", Expression(text)),), "node")
        specs = infer(graph, {name: spec_of(array) for name, array in inputs.items()})
        with pytest.raises(GraphError, match=reason):
            require_bounds(graph, specs, inputs)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("mse_loss(x, y)", {"x": ROWS, "y": ArraySpec((4, 1))}, "differ in shape"),
    ("mse_loss(x, x)", {"x": EMPTY}, "mean of no losses"),
    ("l1_loss(x, x, 'avg')", {"x": ROWS}, "reduction is 'avg'"),
    ("smooth_l1_loss(x, x, beta=-1)", {"x": ROWS}, "beta is -1"),
    ("huber_loss(x, x, delta=0)", {"x": ROWS}, "delta is 0"),
    ("binary_cross_entropy(x, x, y)", {"x": ROWS, "y": ArraySpec((4,))}, "cannot be broadcast"),
    (
        "binary_cross_entropy_with_logits(x, x, pos_weight=y)",
        {"x": ROWS, "y": ArraySpec((2, 4, 3))},
        "pos_weight .2, 4, 3. cannot be broadcast",
    ),
    ("cross_entropy(x, y, label_smoothing=2)", {"x": ROWS, "y": LABELS}, "at most 1"),
    ("cross_entropy(x, x, ignore_index=1)", {"x": ROWS}, "no class number to ignore"),
    ("cross_entropy(x, y, ignore_index=0.5)", {"x": ROWS, "y": LABELS}, "ignore_index is 0.5"),
    (
        "cross_entropy(x, y, weight=w)",
        {"x": ROWS, "y": LABELS, "w": ArraySpec((4,))},
        "weight .4,. is not one for each of 3 classes",
    ),
    ("cross_entropy(x, y)", {"x": EMPTY, "y": ArraySpec((0,), "int")}, "mean of no losses"),
    ("nll_loss(x, y)", {"x": ROWS, "y": ArraySpec((4,))}, "labels are of kind 'float'"),
    ("kl_div(x, x, 'batchmean')", {"x": ArraySpec(())}, "no axis of samples"),
    ("kl_div(x, x, log_target=1)", {"x": ROWS}, "log_target is 1"),
    ("cosine_embedding_loss(x, x, y)", {"x": ROWS, "y": ArraySpec((4,))}, "is not 1 or -1"),
    ("triplet_margin_loss(x, x, y)", {"x": ROWS, "y": LABELS}, "real numbers are needed"),
    ("triplet_margin_loss(x, x, x, p=0)", {"x": ROWS}, "p is 0"),
    ("ctc_loss(x, t, n, m, blank=3)", SEQUENCE, "blank is 3"),
    ("ctc_loss(x, t, n, t)", SEQUENCE, "target_lengths .4, 2. is not one for each sample"),
    ("ctc_loss(t, t, n, m)", SEQUENCE, "real numbers are needed"),
]


@pytest.mark.parametrize(("text", "specs", "reason"), REFUSED, ids=[r[0] for r in REFUSED])
def test_is_refused(text: str, specs: dict[str, ArraySpec], reason: str) -> None:
    used = {name: spec for name, spec in specs.items() if name in text.partition("(")[2]}
    refuses(text, used, reason)
