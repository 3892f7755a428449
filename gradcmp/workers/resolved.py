"""Who computes a case: its backends with mode and dtype resolved, the reference first."""

from __future__ import annotations

from dataclasses import replace

from gradcmp.backends import backend_class
from gradcmp.backends.capabilities import missing
from gradcmp.case import REFERENCE, BackendSpec, Case
from gradcmp.dtypes import COMPLEX, finest
from gradcmp.errors import UsageError


def resolve(spec: BackendSpec, case: Case) -> BackendSpec:
    """Fill in the mode and the dtype that a specification leaves open.

    The modes of a plug-in are known in its worker alone: there one that is left open is its first.

    Raises
    ------
    UsageError
        When the backend has no such mode, or cannot compute in such a dtype.
    """
    adapter = backend_class(spec.name)
    mode = spec.mode or next(iter(adapter.modes), None)
    dtype = case.dtype_of(spec)
    if lack := missing(adapter, mode, dtype):
        raise UsageError(
            f"backend '{spec.name}' has no {lack}", where=spec.where, way_out=lack.way_out
        )
    is_complex = case.dtype in COMPLEX
    if (dtype in COMPLEX) != is_complex:
        kinds = ("real", "complex") if is_complex else ("complex", "real")
        raise UsageError(
            f"backend '{spec.name}' computes in {dtype}: {kinds[0]} numbers, in a case of "
            f"{kinds[1]} ones",
            where=spec.where or case.where,
            way_out=f"Leave out its dtype, or choose one of {kinds[1]} numbers",
        )
    return replace(spec, mode=mode, dtype=dtype)


def backends_of(case: Case) -> tuple[BackendSpec, ...]:
    """Return every backend that a case needs, the reference first."""
    reference = reference_of(case)
    return (reference, *(spec for spec in case.backends if spec != reference))


def reference_of(case: Case) -> BackendSpec:
    """Return the float64 reference: the case's own NumPy backend if it is one, else one more."""
    for spec in case.backends:
        if spec.name == REFERENCE and case.dtype_of(spec) == finest(case.dtype):
            return spec
    plain = BackendSpec(REFERENCE)
    taken = {str(spec) for spec in case.backends}
    return replace(plain, dtype=finest(case.dtype)) if str(plain) in taken else plain
