"""The likely cause of a disagreement: hypotheses tested on the arrays alone."""

from __future__ import annotations

import numpy as np

from gradcmp.judge.causes.evidence import Evidence
from gradcmp.judge.causes.values import HYPOTHESES
from gradcmp.judge.verdict import Cause


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
