"""Where elements disagree: true words for any number of axes, and none that say nothing."""

import numpy as np
import pytest

from gradcmp.judge.causes.places import place


def wrong(shape, *keys):
    mask = np.zeros(shape, dtype=bool)
    for key in keys:
        mask[key] = True
    return mask


ALL = slice(None)
SAID = [
    (wrong((2, 3, 6), (ALL, ALL, 5)), "all of it at index 5 of axis 2"),
    (wrong((2, 3, 6), (1, ALL, 5)), "all of it at index 1 of axis 0 and at index 5 of axis 2"),
    (wrong((2, 3, 4, 5), (ALL, ALL, [1, 3])), "all of it at indices 1 and 3 of axis 2"),
    (wrong((5, 2, 6), slice(1, None)), "all is right at index 0 of axis 0"),
    (wrong((5, 4), slice(1, None)), "all is right in row 0"),
    (wrong((5, 4), (ALL, 2)), "all of it in column 2"),
    (wrong((9, 4), [2, 3, 4, 7]), "all of it in rows 2 to 4 and 7"),
    (wrong((9,), slice(0, 4)), "all of it in elements 0 to 3"),
    (np.eye(4, dtype=bool), "all of it on the diagonal"),
    (~np.eye(4, dtype=bool), "all of it off the diagonal"),
    (np.triu(np.ones((4, 4), bool), 1), "all of it above the diagonal"),
    (np.tril(np.ones((4, 4), bool), -1), "all of it below the diagonal"),
    (
        np.broadcast_to(~np.eye(4, dtype=bool), (2, 3, 4, 4)),
        "all of it off the diagonal of the last two axes",
    ),
    (np.ones((3, 4), dtype=bool), ""),
    (np.zeros((3, 4), dtype=bool), ""),
    (wrong((3, 4), (1, 2)), ""),  # one element is where it is
    (wrong((), ()), ""),
    (wrong((0, 3)), ""),
]


@pytest.mark.parametrize(
    ("mask", "words"), SAID, ids=lambda one: one if isinstance(one, str) else ""
)
def test_places_are_named(mask, words):
    assert place(mask) == words


@pytest.mark.parametrize("seed", range(20))
def test_what_is_scattered_has_no_place(seed):
    rng = np.random.default_rng(seed)
    assert place(rng.random((8, 8)) < 0.4) == ""
    assert place(rng.random((5, 6, 7)) < 0.5) == ""


@pytest.mark.parametrize("seed", range(50))
def test_what_is_said_is_true(seed):
    """Of a random box: no element outside of what is named is wrong."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 6, rng.integers(1, 4)))
    axis = int(rng.integers(len(shape)))
    chosen = rng.random(shape[axis]) < 0.5
    mask = np.zeros(shape, dtype=bool)
    np.moveaxis(mask, axis, 0)[chosen] = True
    text = place(mask)
    if not text or "diagonal" in text or " and at " in text:
        return
    numbers = [int(word) for word in text.replace(",", "").split() if word.isdigit()]
    if len(shape) > 2:
        assert numbers.pop() == axis
    if " to " not in text:
        named = np.isin(np.arange(shape[axis]), numbers)
        assert (named == (~chosen if "right" in text else chosen)).all() or min(mask.shape) < 2
