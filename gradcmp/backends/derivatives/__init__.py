"""Derivatives beyond the gradient, each framework's own way; what `derive` of an adapter calls.

Each function takes the framework, a pure function of tensors that returns a tuple of tensors, the
primals, the directions and the cotangents of the outputs, and returns the tensors in the order of
`gradcmp.derivatives.names`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class Step(Protocol):
    """What computes one node: see `gradcmp.backends.base.Step`."""

    @property
    def name(self) -> str:
        """The node."""

    def on(self, framework: Any, tensors: Mapping[str, Any]) -> Any:
        """Compute it from those before it."""


def pure(
    framework: Any,
    steps: Sequence[Step],
    output: str,
    wrt: Sequence[str],
    others: Mapping[str, Any],
) -> Callable[..., tuple[Any, ...]]:
    """Return the output, in a tuple, as a function of what is differentiated by.

    Parameters
    ----------
    others : mapping of str to tensor
        The inputs that are not.
    """

    def function(*xs: Any) -> tuple[Any, ...]:
        tensors = {**others, **dict(zip(wrt, xs, strict=True))}
        for step in steps:
            tensors[step.name] = step.on(framework, tensors)
        return (tensors[output],)

    return function
