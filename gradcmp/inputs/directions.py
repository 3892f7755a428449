"""What a case asks besides the gradient: its directions, and what cannot be asked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from gradcmp.case import REFERENCE, BackendSpec, Case
from gradcmp.derivatives import MOST, SECOND, Asked, is_stepped
from gradcmp.errors import UsageError
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
    require_small(case, {case.output: specs[case.output]}, specs)
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
    case: Case, outputs: Mapping[str, ArraySpec], specs: Mapping[str, ArraySpec]
) -> None:
    """Refuse a Jacobian or a Hessian of more than `MOST` elements.

    Raises
    ------
    UsageError
    """
    if case.derivative not in ("jacobian", "hessian"):
        return
    count = sum(math.prod(specs[name].shape) for name in case.wrt)
    second = case.derivative in SECOND
    rows = count if second else sum(math.prod(one.shape) for one in outputs.values())
    if rows * count > MOST:
        raise UsageError(
            f"case '{case.name}' asks for a {case.derivative} of {rows} × {count} numbers, and at "
            f"most {MOST} are compared",
            where=case.where,
            way_out=f"Make it smaller, or ask for {'hvp' if second else 'jvp'}: one direction",
        )
