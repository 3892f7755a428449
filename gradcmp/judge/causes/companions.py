"""Hypotheses about what is known beside a tensor: other tensors, its terms, other formulas."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice

import numpy as np

from gradcmp.dtypes import FORMATS
from gradcmp.judge.causes.evidence import Evidence, Prediction, aligned, multiples
from gradcmp.judge.elementwise.segments import Float

MOST = 1 << 22  # elements of all products of two together
ROUNDINGS = 16.0  # of another tensor, whose noise is not known, in units roundoff of its peak
TIMES = 4.0  # that its noise may be this one's, for its size


def zero_times_infinity(evidence: Evidence) -> Iterator[Prediction]:
    """NaN just where one tensor of the same recording is 0 and another is infinite."""
    if not evidence.same_shape:
        return
    strange = np.isnan(evidence.actual) & ~np.isnan(evidence.expected)
    if not strange.any():
        return
    fitting = {
        name: spread[strange]
        for name, tensor in evidence.own.items()
        for spread in islice(aligned(tensor, strange.shape), 1)
    }
    zero = next((name for name, held in fitting.items() if (held == 0).all()), None)
    infinite = next((name for name, held in fitting.items() if np.isinf(held).all()), None)
    if zero is not None and infinite is not None:
        text = f"0 · inf: NaN where '{zero}' is 0 and '{infinite}' is infinite"
        value = np.where(strange, np.nan, evidence.expected)
        yield Prediction(text, value, evidence.spread, proven=True)


def interchanged(evidence: Evidence) -> Iterator[Prediction]:
    """It is another tensor as a whole, and that one is this."""
    for name, tensor in evidence.others.items():
        if name in evidence.own and _is(evidence, evidence.own[name]):
            noise = _rounding(evidence, tensor)
            yield Prediction(f"interchanged with '{name}'", tensor, noise)


def another(evidence: Evidence) -> Iterator[Prediction]:
    """It is another tensor as a whole."""
    for name, tensor in evidence.others.items():
        yield Prediction(f"it is '{name}'", tensor, _rounding(evidence, tensor))


def _is(evidence: Evidence, tensor: Float) -> bool:
    """Whether a tensor is what the actual one should be."""
    if tensor.shape != evidence.expected.shape:
        return False
    noise = evidence.spread + _rounding(evidence, evidence.expected)
    return bool(np.max(multiples(tensor, evidence.expected, noise)) <= evidence.limit)


def _rounding(evidence: Evidence, tensor: Float) -> Float:
    """Return what another tensor may be off: by its peak as much as this one, or a few times."""
    peak, own = (float(np.max(np.abs(x), initial=0.0)) for x in (tensor, evidence.expected))
    share = ROUNDINGS * FORMATS[evidence.dtype].u / evidence.limit
    if own > 0:
        share = max(share, TIMES * float(np.max(evidence.spread)) / own)
    return np.full(tensor.shape, share * peak)


def terms(evidence: Evidence) -> Iterator[Prediction]:
    """The difference is a tensor of the graph, or what one node adds to this gradient."""
    u = FORMATS[evidence.dtype].u
    parts = {f"the term through '{name}'": part for name, part in evidence.terms.items()}
    parts |= {f"'{name}'": tensor for name, tensor in evidence.others.items()}
    for name, part in parts.items():
        if part.shape == evidence.expected.shape:
            noise = evidence.spread + u * np.abs(part)  # what it cancels against is rounded too
            yield Prediction(f"{name} is missing", evidence.expected - part, noise)
            yield Prediction(f"{name} is accumulated twice", evidence.expected + part, noise)


def formulas(evidence: Evidence) -> Iterator[Prediction]:
    """What the reference gives with another formula."""
    for way, tensor in evidence.formulas.items():
        yield Prediction(f"consistent with {way}", tensor, evidence.spread)


def variants(evidence: Evidence) -> Iterator[Prediction]:
    """What the reference gives when it computes in another way."""
    for way, tensor in evidence.variants.items():
        yield Prediction(f"consistent with {way}", tensor, evidence.spread, of_rounding=True)


def factors(evidence: Evidence) -> Iterator[Prediction]:
    """A factor is missing that another tensor is, or is there twice; or it is a product of two."""
    expected, spread = evidence.expected, evidence.spread
    if not evidence.same_shape or not expected.ndim:
        return
    u = FORMATS[evidence.dtype].u
    forms = {n: one for n, by in evidence.aligned.items() for one in by if evidence.others[n].ndim}
    for name, tensor in forms.items():
        share = np.where(tensor != 0, 1 / np.where(tensor == 0, 1.0, tensor), 0.0)
        for text, factor in (
            (f"the factor '{name}' is missing", share),
            (f"the factor '{name}' is there once too often", tensor),
        ):
            value = expected * factor
            yield Prediction(text, value, spread * np.abs(factor) + u * np.abs(value))
    yield from _products(evidence, forms, u)


def _products(evidence: Evidence, forms: dict[str, Float], u: float) -> Iterator[Prediction]:
    """It is the product of two tensors, one of them a gradient."""
    pairs = [pair for pair in combinations(forms, 2) if any(n.startswith("d ") for n in pair)]
    size = max(evidence.expected.size, 1)
    for first, second in pairs[: MOST // size]:
        value = forms[first] * forms[second]
        noise = evidence.spread + u * np.abs(value)
        yield Prediction(f"it is '{first}' times '{second}' and nothing else", value, noise)
