"""Hypotheses about a part of a tensor: blocks left out, rows that should be zero, another's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcmp.dtypes import FORMATS
from gradcmp.dtypes.arrays import Mask
from gradcmp.judge.causes.evidence import Evidence, Prediction, multiples
from gradcmp.judge.causes.places import part
from gradcmp.judge.elementwise.segments import Float

FEW = 3  # elements: of fewer it is no part that is zero


def zero_in_part(evidence: Evidence) -> Iterator[Prediction]:
    """It is zero where it should not be, and right elsewhere: a block that nobody computed."""
    wrong = _wrong(evidence)
    if wrong is None or evidence.actual[wrong].any() or np.count_nonzero(wrong) < FEW:
        return
    zeros = np.asarray(evidence.actual == 0)
    words = part(wrong, _far(evidence, np.zeros(wrong.shape)), zeros)
    if words:
        value = np.where(wrong, 0.0, evidence.expected)
        text = f"it is zero {words}: that part is left out"
        yield Prediction(text, value, evidence.spread, proven=True)


def zero_expected_in_part(evidence: Evidence) -> Iterator[Prediction]:
    """It is right except for where it should be zero: rows that count though they are masked."""
    wrong = _wrong(evidence)
    if wrong is None or evidence.expected[wrong].any() or np.count_nonzero(wrong) < FEW:
        return
    words = part(wrong, np.asarray(evidence.expected == 0)) or part(wrong, wrong)
    if words:
        value = np.where(wrong, evidence.actual, evidence.expected)
        yield Prediction(f"it should be zero {words}", value, evidence.spread, proven=True)


def another_in_part(evidence: Evidence) -> Iterator[Prediction]:
    """It is another tensor in one part, and right elsewhere."""
    wrong = _wrong(evidence)
    if wrong is None:
        return
    u = FORMATS[evidence.dtype].u
    for name, tensor in evidence.others.items():
        if tensor.shape != wrong.shape:
            continue
        if words := part(wrong, _far(evidence, tensor)):
            value = np.where(wrong, tensor, evidence.expected)
            noise = evidence.spread + u * np.abs(value)
            yield Prediction(f"it is '{name}' {words}", value, noise)


def _wrong(evidence: Evidence) -> Mask | None:
    """Return where two arrays disagree; None where that is everywhere, or their shapes differ."""
    if not evidence.same_shape:
        return None
    far = _far(evidence, evidence.actual)
    return None if far.all() or not far.any() else far


def _far(evidence: Evidence, tensor: Float) -> Mask:
    """Return where a tensor is not what is expected."""
    apart = multiples(tensor, evidence.expected, evidence.spread)
    return np.asarray(apart > evidence.limit)
