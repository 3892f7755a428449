"""A function of the user as its case asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from gradcmp.inputs import symmetric_inputs
from gradcmp.native.arranging.derived import with_derivative
from gradcmp.native.arranging.symmetric import with_symmetric
from gradcmp.native.side import Function
from gradcmp.native.way import DrawnCotangents


def as_asked(
    function: Function,
    framework: str,
    mode: str,
    wrt: Sequence[str] | None,
    cotangents: DrawnCotangents,
) -> Function:
    """Return a function of symmetric inputs, with the derivative of the case among its outputs.

    Raises
    ------
    BackendError
        As `with_symmetric` and `with_derivative`.
    """
    names = symmetric_inputs(cotangents.case)
    whole = with_symmetric(function, framework, wrt, names)
    return with_derivative(whole, framework, mode, wrt, cotangents)
