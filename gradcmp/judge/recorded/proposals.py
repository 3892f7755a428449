"""Which names of two sets of tensors may mean the same: what ``--map`` could say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher

from gradcmp.recording import Array

NEAR = 0.6  # of the characters of two names that are alike: as for misspelt words
SPELT = (  # ways to write the gradient of W: grad_W, W.grad, dL_dW, W_gradient, dW, d W
    (re.compile(r"^(.+?)[._ ]*(?:gradient|grad)$", re.IGNORECASE), r"d\1"),
    (re.compile(r"^(?:gradient|grad)[._ ]*(.+)$", re.IGNORECASE), r"d\1"),
    (re.compile(r"^d(?:l|loss)[_/ ]*d[_ ]?(.+)$", re.IGNORECASE), r"d\1"),
)


def propose(actual: Mapping[str, Array], expected: Mapping[str, Array]) -> dict[str, str]:
    """Return for names that one side lacks what to map them to, as a way out of an error.

    Only arrays of one shape are proposed, the nearest names first and each once; names that are
    not near are where no other array has the shape.
    """
    ours = {name: array for name, array in actual.items() if name not in expected}
    theirs = {name: array for name, array in expected.items() if name not in actual}
    likely = sorted(
        (
            (-_likeness(one, other), one, other)
            for one, array in ours.items()
            for other, held in theirs.items()
            if array.shape == held.shape
        ),
    )
    found: dict[str, str] = {}
    for unlike, one, other in likely:
        alone = sum(one == a or other == b for _, a, b in likely) == 1
        if one not in found and other not in found.values() and (-unlike >= NEAR or alone):
            found[one] = other
    words = {one: f'Did you mean --map "{one}={other}"?' for one, other in found.items()}
    return {**words, **{found[one]: text for one, text in words.items()}}


def _likeness(one: str, other: str) -> float:
    """Return from 0 to 1 how much two names are alike, however gradients are spelt."""
    return SequenceMatcher(None, _plain(one), _plain(other)).ratio()


def _plain(name: str) -> str:
    for pattern, spelt in SPELT:
        name, changed = pattern.subn(spelt, name)
        if changed:
            break
    return re.sub(r"[^a-z0-9]", "", name.lower())
