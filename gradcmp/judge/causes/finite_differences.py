"""The hypothesis that a gradient is made of differences of values in float32."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gradcmp.dtypes import FORMATS
from gradcmp.judge.causes.evidence import DECADES, Evidence, Prediction
from gradcmp.judge.elementwise.segments import Float

U = FORMATS["float32"].u
WHOLE = 0.02  # how far from a whole number a quotient may be that float32 has rounded
ROUNDINGS = 16.0  # steps of float32 that a loss may be off: of a graph of a few dozen ops
TRUNCATION = 4.0  # times the step, of the largest element: what a second derivative leaves
FEW = 64  # multiples, of which numbers that people write down may be made as well
STEPS = 8  # 1e-8, 1e-7 … 0.1: what is whole for one of them is whole for those that follow


def differences(evidence: Evidence) -> Iterator[Prediction]:
    """Every number is a whole multiple of one step of a float32 loss over twice a step in x.

    (f(x + h) - f(x - h)) / 2h with f in float32 can be nothing else, and differences to one side
    are multiples of twice that. A number that is not made so is near one by chance only. Where the
    loss is not known, as without a graph, each of its steps is tried that float32 can have had.
    """
    if not evidence.same_shape or not np.isfinite(evidence.actual).all():
        return
    sizes = np.unique(np.abs(evidence.actual))
    sizes = sizes[sizes > 0]
    tried = list(_quanta(sizes, evidence.output))
    for step, quantum in tried:
        wholes = np.unique(sizes / quantum)
        apart = np.where(np.rint(wholes) == 0, 1.0, np.abs(wholes - np.rint(wholes)))  # no zeros
        odds = -math.log10(2 * WHOLE) * wholes.size - math.log10(len(tried))
        if np.max(apart) > WHOLE or odds < DECADES:
            continue
        peak = float(np.max(np.abs(evidence.expected)))
        reach = 2 * ROUNDINGS * quantum + TRUNCATION * peak * (step + U / step)  # x is rounded too
        noise = np.full(evidence.expected.shape, reach / evidence.limit)
        text = f"consistent with finite differences of a float32 loss, with a step of {step:g}"
        yield Prediction(text, evidence.expected, noise, proven=True, of_rounding=True)
        return


def _quanta(sizes: Float, loss: float | None) -> Iterator[tuple[float, float]]:
    """Return steps in x, and of what numbers may be whole multiples; the coarsest first of each.

    A quantum is left out of which float32 cannot say so many multiples apart; where the loss is
    not known, so is one of which few multiples or whole numbers alone would tell nothing.
    """
    if not sizes.size or (loss is not None and (not loss or not np.isfinite(loss))):
        return
    largest = float(sizes[-1])
    for step in 10.0 ** np.arange(-STEPS, 0):
        if loss is not None:
            quantum = float(np.spacing(np.float32(abs(loss)))) / 2 / (2 * step)  # loss may be less
            if largest / quantum * U <= WHOLE:
                yield step, quantum
        elif not (sizes == np.rint(sizes)).all():
            first = math.floor(math.log2(largest / FEW * 2 * step))
            last = math.ceil(math.log2(largest * U / WHOLE * 2 * step))
            yield from ((step, 2.0**e / (2 * step)) for e in range(first, last - 1, -1))
