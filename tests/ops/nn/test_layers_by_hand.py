"""Layers against torch's own, with a pencil, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from both_ways import assert_alike, classes, in_torch, normal, positive, reference, refuses
from op_batches import ask_adapter
from op_calls import Call

from gradcmp.backends import Backend
from gradcmp.ops import OPS, Array, ArraySpec, Example

Q, K, V = normal(2, 4, 3, 5), normal(2, 2, 6, 5), normal(2, 2, 6, 7)
SEEN = np.random.default_rng(3).random((2, 1, 3, 6)) < 0.6
SEEN[0, 0, 1] = False  # one query sees no key
SHUT = np.where(SEEN, normal(2, 1, 3, 6), -np.inf)
IMAGES, SCALE, SHIFT = normal(3, 4, 2, 5), normal(4), normal(4)


@pytest.fixture(scope="module")
def torch(adapter: Callable[[str], Backend]) -> Any:
    """Return torch, or skip where it is missing."""
    return adapter("torch").torch  # type: ignore[attr-defined]


MASKS = {
    "none": (None, 0.3),
    "booleans": (SEEN, None),
    "minus infinity": (SHUT, 2.0),
    "one row": (normal(6), None),
    "broadcast": (SEEN[0, 0], 1.0),
}


@pytest.mark.parametrize("name", MASKS)
def test_attention_is_torchs(torch: Any, name: str) -> None:
    mask, scale = MASKS[name]

    def function(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
        return torch.nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, scale=scale, enable_gqa=True
        )

    operands = [Q, K, V] if mask is None else [Q, K, V, mask]
    actual = reference("scaled_dot_product_attention", *operands, scale=scale)
    assert np.isfinite(actual.value).all()
    assert_alike(actual, in_torch(torch, function, operands))


@pytest.mark.parametrize("mask", [SEEN, SHUT], ids=["booleans", "minus infinity"])
def test_a_query_that_sees_no_key_gets_zeros_and_hands_none_back(mask: Array) -> None:
    found = reference("scaled_dot_product_attention", Q, K, V, mask)
    np.testing.assert_array_equal(found.value[0, :, 1], 0)
    np.testing.assert_array_equal(found.gradients[0][0, :, 1], 0)
    assert all(np.isfinite(gradient).all() for gradient in found.gradients.values())


def test_a_mask_that_is_no_number_is_seen() -> None:
    found = reference("scaled_dot_product_attention", Q, K, V, np.array([np.nan] + 5 * [-np.inf]))
    assert np.isnan(found.value).all()


@pytest.mark.parametrize(
    ("mask", "met"),
    [(SEEN, True), (SHUT, True), (SEEN[1], False), (SHUT[1], False), (np.zeros(6), False)],
    ids=["booleans", "minus infinity", "some booleans", "some minus infinity", "zeros"],
)
def test_a_row_is_masked_by_what_its_mask_says(mask: Array, met: bool) -> None:
    (kink,) = OPS["scaled_dot_product_attention"].kinks
    assert kink.met is not None
    assert kink.met(Q, K, V, mask) is met


def test_a_mask_of_booleans_is_what_is_causal() -> None:
    q, k, v = normal(2, 4, 3), normal(2, 4, 3), normal(2, 4, 3)
    causal = reference("scaled_dot_product_attention", q, k, v, causal=True)
    masked = reference("scaled_dot_product_attention", q, k, v, np.tri(4, dtype=bool))
    np.testing.assert_array_equal(masked.value, causal.value)
    for i in range(3):
        np.testing.assert_array_equal(masked.gradients[i], causal.gradients[i])


def test_heads_that_share_keys_add_up_what_they_hand_back() -> None:
    shared = reference("scaled_dot_product_attention", Q, K, V)
    wide = [np.repeat(one, 2, axis=1) for one in (K, V)]
    apart = reference("scaled_dot_product_attention", Q, *wide)
    np.testing.assert_allclose(shared.value, apart.value, rtol=1e-14)
    for i in (1, 2):
        summed = apart.gradients[i].reshape(2, 2, 2, *apart.gradients[i].shape[2:]).sum(2)
        np.testing.assert_allclose(shared.gradients[i], summed, rtol=1e-12, atol=1e-14)


# By op: operands, keywords, and what torch calls with them.
LAYERS: dict[str, tuple[list[Array | None], dict[str, Any], Callable[..., Any]]] = {
    "group_norm": (
        [IMAGES, SCALE, SHIFT],
        {"num_groups": 2, "eps": 0.1},
        lambda f, x, w, b: f.group_norm(x, 2, w, b, 0.1),
    ),
    "instance_norm": (
        [IMAGES, SCALE, SHIFT],
        {"eps": 0.1},
        lambda f, x, w, b: f.instance_norm(x, weight=w, bias=b, eps=0.1),
    ),
    "rms_norm": (
        [IMAGES, normal(2, 5)],
        {"eps": 0.1},
        lambda f, x, w: f.rms_norm(x, w.shape, w, 0.1),
    ),
    "linear": ([IMAGES, normal(3, 5), normal(3)], {}, lambda f, *all_of: f.linear(*all_of)),
    "embedding": (
        [classes(4, 3, 5), normal(4, 2)],
        {"padding_idx": -3},
        lambda f, i, w: f.embedding(i, w, padding_idx=1),
    ),
}


@pytest.mark.parametrize("op", LAYERS)
def test_is_torchs(torch: Any, op: str) -> None:
    operands, keywords, function = LAYERS[op]
    expected = in_torch(torch, lambda *given: function(torch.nn.functional, *given), operands)
    assert_alike(reference(op, *operands, **keywords), expected)


def test_batch_norm_in_inference_is_torchs(torch: Any) -> None:
    """Torch has no derivative for its running statistics: test_pullbacks asks differences."""
    mean, variance = normal(4), positive(4)

    def function(x: Any, weight: Any, bias: Any, mean: Any, variance: Any) -> Any:
        running = mean.detach(), variance.detach()
        return torch.nn.functional.batch_norm(x, *running, weight, bias, eps=0.1)

    operands = [IMAGES, SCALE, SHIFT, mean, variance]
    actual = reference("batch_norm", *operands, eps=0.1)
    assert_alike(actual, in_torch(torch, function, operands), (3, 4))


def test_what_is_padding_learns_nothing() -> None:
    weight, dy = normal(3, 2), np.array([[1.0, 2], [10, 20], [100, 200]])
    found = reference("embedding", np.array([2, 1, 2]), weight, padding_idx=1, dy=dy)
    np.testing.assert_array_equal(found.value, weight[[2, 1, 2]])
    np.testing.assert_array_equal(found.gradients[1], [[0, 0], [0, 0], [101, 202]])


def test_padding_learns_nothing_in_any_framework(framework: Backend) -> None:
    """The op's examples draw no padding: what comes back there is no derivative."""
    shapes = {"indices": (3, 5), "weight": (4, 2)}
    call = Call(OPS["embedding"], Example("embedding(indices, weight, padding_idx=1)", shapes))
    answer = ask_adapter(framework, [call], framework.modes[0], "float64")[call]
    assert np.any(call.inputs["indices"] == 1)
    np.testing.assert_array_equal(answer.value, call.value(call.inputs))
    np.testing.assert_allclose(answer.gradients["weight"], call.gradients["weight"], rtol=1e-14)
    np.testing.assert_array_equal(answer.gradients["weight"][1], 0)


def test_dropout_divides_what_it_keeps() -> None:
    found = reference("dropout", [1.0, 2.0], np.array([True, False]), p=0.75, dy=[3, 5])
    np.testing.assert_array_equal(found.value, [4, 0])
    np.testing.assert_array_equal(found.gradients[0], [12, 0])


def test_rms_norm_of_three_and_four() -> None:
    found = reference("rms_norm", [[3.0, 4.0]], [2.0, 1.0], eps=0.0, dy=[[0.0, 5.0]])
    length = np.sqrt(12.5)
    np.testing.assert_allclose(found.value, [[6 / length, 4 / length]], rtol=1e-15)
    np.testing.assert_allclose(found.gradients[0] * length, [[-2.4, 1.8]], rtol=1e-13)


HEADS = ArraySpec((4, 3, 2))
FLAT = ArraySpec((4, 3))
THREE = ArraySpec((3,))
ATTEND = "scaled_dot_product_attention(x, x, x"
REFUSED: list[tuple[str, dict[str, ArraySpec], str]] = [
    (f"{ATTEND}, mask=m)", {"x": HEADS, "m": ArraySpec((2,))}, "cannot be broadcast"),
    (f"{ATTEND}, mask=m)", {"x": HEADS, "m": ArraySpec((3, 3), "int")}, "booleans or real"),
    (f"{ATTEND}, True, m)", {"x": HEADS, "m": ArraySpec((3, 3))}, "beside causal"),
    (f"{ATTEND}, scale='half')", {"x": HEADS}, "scale is 'half'"),
    (
        "scaled_dot_product_attention(q, x, x)",
        {"x": HEADS, "q": ArraySpec((6, 3, 2))},
        "6 heads of queries cannot share 4",
    ),
    ("linear(x, w)", {"x": FLAT, "w": ArraySpec((5, 4))}, "does not end with the 4 inputs"),
    ("linear(x, w)", {"x": FLAT, "w": THREE}, "is not .out, in."),
    ("linear(x, w, b)", {"x": FLAT, "w": ArraySpec((5, 3)), "b": THREE}, "each of 5 outputs"),
    ("embedding(i, x, 4)", {"i": ArraySpec((2,), "int"), "x": FLAT}, "padding_idx 4 is none of 4"),
    ("embedding(x, x)", {"x": FLAT}, "indices are of kind 'float'"),
    ("dropout(x, m, p=1)", {"x": FLAT, "m": ArraySpec((4, 3), "bool")}, "p is 1"),
    ("dropout(x, x)", {"x": FLAT}, "must say what is kept"),
    ("group_norm(x, 2)", {"x": FLAT}, "3 channels cannot be 2 groups"),
    ("group_norm(x, 3, bias=b)", {"x": FLAT, "b": ArraySpec((4,))}, "bias .4,. does not fit"),
    ("instance_norm(x)", {"x": FLAT}, "no channels of two elements"),
    ("rms_norm(x, w)", {"x": FLAT, "w": ArraySpec((4,))}, "is not how"),
    ("batch_norm(x, w, w, running_var=w)", {"x": FLAT, "w": THREE}, "both are needed"),
    (
        "batch_norm(x, w, w, 1e-5, v, v)",
        {"x": FLAT, "w": THREE, "v": ArraySpec((4,))},
        "running_mean .4,. does not fit",
    ),
]


@pytest.mark.parametrize(("text", "specs", "reason"), REFUSED, ids=[r[0] for r in REFUSED])
def test_is_refused(text: str, specs: dict[str, ArraySpec], reason: str) -> None:
    refuses(text, specs, reason)
