"""Rounding errors in TensorFlow's own stream of operations, forward and backward.

Each eager operation runs in float64 and gets the rounding error that the dtype under test would
have made there: what a layer, a `tf.custom_gradient` or a loop computes, and gradient functions.
What error that is is looked up in this order: a rule of its own, exact, computed element by
element, made of others, unknown. What is unknown errs as its own float32 kernel does, and is named
in the outcome. Errors are computed by NumPy, which nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcmp.native.noisy.branches import Branches
from gradcmp.native.noisy.ledger import Ledger
from gradcmp.native.tensorflow.precise import Precise
from gradcmp.native.tensorflow.rounding import Rounding
from gradcmp.native.tensorflow.rules import choosing, composite, elementwise, solving, steps, sums
from gradcmp.native.tensorflow.rules.rule import Rule
from gradcmp.native.tensorflow.rules.unknown import erring_as_float32
from gradcmp.native.tensorflow.stream import Operation, Tensors, unrecorded

RULES: dict[str, Rule] = {
    **elementwise.RULES,
    **dict.fromkeys(choosing.EXACT_AFTER, elementwise.exact),
    **sums.RULES,
    **composite.RULES,
    **solving.RULES,
    **choosing.RULES,
    **steps.RULES,
}


class Noise(Precise):
    """Gives each operation the rounding error of a dtype.

    Attributes
    ----------
    rounding : Rounding
        What the errors are.
    branches : Branches
        Which branches are taken.
    unruled : dict of str to int
        Operations without a rule, and how often they were met.

    Parameters
    ----------
    ledger : Ledger, optional
        Where a run without noise writes down the squares that errors of sums follow from, or what
        it has written.
    """

    def __init__(
        self, rounding: Rounding, branches: Branches, draws: Any, ledger: Ledger | None = None
    ) -> None:
        super().__init__(draws)
        self.rounding = rounding
        self.branches = branches
        self.unruled: dict[str, int] = {}
        self._ledger = ledger or Ledger()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Return a context in which operations stand for the one at hand, each with its error."""
        with unrecorded():
            yield

    def once(self, operation: Operation, compute: Callable[[], Any]) -> Any:
        """Return what is the same in all runs but for their noise, from the one without."""
        shapes = tuple(tuple(one.shape) for one in operation.inputs if hasattr(one, "shape"))
        return self._ledger.once((operation.name, shapes), compute)

    def name_unruled(self, name: str) -> None:
        """Take note of an operation that has no rule."""
        self.unruled[name] = self.unruled.get(name, 0) + 1

    def apply(self, operation: Operation) -> Tensors:
        """Run one operation, and give its result the error that it has."""
        rule = RULES.get(operation.name, erring_as_float32)
        with np.errstate(all="ignore"):
            return rule(self, operation)
