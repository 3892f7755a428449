"""The likely cause of a disagreement: hypotheses tested on the arrays alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcmp.judge.causes.companions import (
    another,
    factors,
    formulas,
    interchanged,
    terms,
    variants,
    zero_times_infinity,
)
from gradcmp.judge.causes.evidence import Evidence, Prediction
from gradcmp.judge.causes.factors import any_factor, counted_factor, named_factor
from gradcmp.judge.causes.finite_differences import differences
from gradcmp.judge.causes.layout import (
    reduced,
    reversed_order,
    rolled,
    shifted,
    transposed,
    without_one,
)
from gradcmp.judge.causes.lines import by_rows
from gradcmp.judge.causes.parts import another_in_part, zero_expected_in_part, zero_in_part
from gradcmp.judge.causes.scattered import part_of_a_sum, partly_added
from gradcmp.judge.causes.values import (
    added_constant,
    conjugated,
    float32_inside,
    flushed,
    one_side_zero,
    rounded,
    sign_flipped,
)
from gradcmp.judge.verdict import Cause

Hypothesis = Callable[[Evidence], Iterator[Prediction]]

# The simplest first.
HYPOTHESES: tuple[Hypothesis, ...] = (
    zero_times_infinity,
    flushed,
    one_side_zero,
    zero_in_part,
    zero_expected_in_part,
    conjugated,
    sign_flipped,
    named_factor,
    counted_factor,
    transposed,
    reversed_order,
    rolled,
    without_one,
    reduced,
    part_of_a_sum,
    partly_added,
    interchanged,
    another,
    shifted,
    another_in_part,
    terms,
    factors,
    formulas,
    any_factor,
    added_constant,
    by_rows,
    variants,
    rounded,
    float32_inside,
    differences,
)


def diagnose(evidence: Evidence) -> tuple[Cause, ...]:
    """Describe what explains a difference down to noise, or nothing rather than guess.

    Two explanations that leave no more than noise cannot be told apart by the arrays: those of
    the simplest kind that has one are given. None is given when the difference is within noise,
    or when chance could have made it fit.

    Returns
    -------
    tuple of Cause
        The best fit first, each with ``residual <= evidence.limit``.
    """
    if evidence.quiet:
        return ()
    with np.errstate(all="ignore"):
        for hypothesis in HYPOTHESES:
            fits = [
                Cause(prediction.text, residual, prediction.of_rounding)
                for prediction in hypothesis(evidence)
                if (residual := prediction.residual(evidence)) <= evidence.limit
                and not prediction.is_chance(evidence)
            ]
            if fits:
                return tuple(sorted(fits, key=lambda cause: cause.residual))
    return ()
