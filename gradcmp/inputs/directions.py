"""What a case asks besides the gradient: its directions, and what cannot be asked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from gradcmp.case import REFERENCE, BackendSpec, Case, Shape
from gradcmp.derivatives import MOST, SECOND, Asked, Derivative, is_stepped
from gradcmp.dtypes import COMPLEX
from gradcmp.errors import Location, UsageError
from gradcmp.inputs.draw import tangent
from gradcmp.ops import ArraySpec


def asked_of(case: Case, specs: Mapping[str, ArraySpec]) -> Asked | None:
    """Return what is to be computed besides the gradient, with a direction for each input."""
    if case.derivative == "gradient":
        return None
    tangents = {name: tangent(case, name, specs[name].shape) for name in case.wrt}
    return Asked(case.derivative, tangents)


def require_derivative(
    case: Case, specs: Mapping[str, ArraySpec], backends: Iterable[BackendSpec]
) -> None:
    """Refuse a derivative that is too large, or that a backend of the case does not have.

    Raises
    ------
    UsageError
    """
    if case.dtype in COMPLEX and case.derivative != "gradient":
        raise UsageError(
            f"case '{case.name}' asks for {case.derivative} in {case.dtype}: of complex numbers "
            "the gradient alone is compared",
            where=case.where,
            way_out="Leave 'derivative' out",
        )
    require_small(
        f"case '{case.name}'",
        case.derivative,
        [specs[case.output].shape],
        [specs[name].shape for name in case.wrt],
        case.where,
    )
    for spec in backends:
        dtype = case.dtype_of(spec)
        if spec.name == REFERENCE and not is_stepped(case.derivative, dtype):
            raise UsageError(
                f"backend '{spec.name}' has no {case.derivative} in {dtype}: it takes a complex "
                "step, and there are no complex numbers of that precision",
                where=spec.where or case.where,
                way_out="Leave that backend out: its float64 run is the reference in any case",
            )


def require_small(
    whose: str,
    derivative: Derivative,
    outputs: Iterable[Shape],
    inputs: Iterable[Shape],
    where: Location | None = None,
) -> None:
    """Refuse a Jacobian or a Hessian of more than `MOST` elements.

    Parameters
    ----------
    whose : str
        What asks for it, in words.
    outputs, inputs : iterable of shape
        Of all that is differentiated, and of all that it is differentiated by.

    Raises
    ------
    UsageError
    """
    if derivative not in ("jacobian", "hessian"):
        return
    second = derivative in SECOND
    columns = sum(map(math.prod, inputs))
    rows = columns if second else sum(map(math.prod, outputs))
    if rows * columns > MOST:
        raise UsageError(
            f"{whose} asks for a {derivative} of {rows} × {columns} numbers, and at most {MOST} "
            "are compared",
            where=where,
            way_out=f"Make it smaller, or ask for {'hvp' if second else 'jvp'}: one direction",
        )
