"""Specifications become arrays: known before drawn, drawn once, rounded once."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from gradcmp.case import DTYPES, MAX_AXES, Case, DType, InputSpec, Shape
from gradcmp.dtypes import COMPLEX
from gradcmp.dtypes.arrays import in_parts
from gradcmp.errors import GradcmpError, InputError, did_you_mean
from gradcmp.inputs import npy
from gradcmp.inputs.edges import EDGES
from gradcmp.inputs.kinds import EDGE, ELEMENTS, KINDS, Kind, UnfitError, own
from gradcmp.inputs.memory import require_memory
from gradcmp.inputs.symmetric import (
    is_symmetric,
    mirrored,
    require_square,
    require_symmetric,
    symmetric_inputs,
)
from gradcmp.ops import Array, ArraySpec
from gradcmp.recording import numpy_dtype

COTANGENT = "/cotangent"  # no identifier, so no input has this name
TANGENT = "/tangent"


def specs(case: Case) -> dict[str, ArraySpec]:
    """Return shape and kind of every input; of a file only the header is read.

    In a case of complex numbers inputs of real ones are complex, too.

    Raises
    ------
    InputError
        For an unknown kind or parameter, a missing file, or a shape that differs from the one
        that is asked for.
    """
    return {name: _of_case(case, name, spec) for name, spec in case.inputs.items()}


def _of_case(case: Case, name: str, spec: InputSpec) -> ArraySpec:
    found = check(name, spec)
    if found.kind == "complex" and case.dtype not in COMPLEX:
        raise InputError(
            f"input '{name}' is of complex numbers, and the case computes in {case.dtype}",
            where=spec.where,
            way_out="Choose dtype complex64 or complex128",
        )
    if found.kind != "float" or case.dtype not in COMPLEX:
        return found
    if spec.parameters.get(EDGE):
        raise InputError(
            f"input '{name}' has edge values, which real numbers alone have", where=spec.where
        )
    if is_symmetric(spec):
        raise InputError(
            f"input '{name}' is symmetric, which real matrices alone are compared as",
            where=spec.where,
        )
    return replace(found, kind="complex")


def check(name: str, spec: InputSpec) -> ArraySpec:
    """Return shape and kind of one input; raises as `specs` does."""
    try:
        with _named(name, spec):
            found = _check(spec)
            if is_symmetric(spec):
                require_square(found)
            return found
    except UnfitError as error:
        raise InputError(f"input '{name}' {error}", where=spec.where) from None


def _check(spec: InputSpec) -> ArraySpec:
    kind = KINDS.get(spec.kind)
    if kind is None:
        raise InputError(f"there is no kind '{spec.kind}'", way_out=did_you_mean(spec.kind, KINDS))
    for parameter in spec.parameters:
        if parameter not in kind.parameters:
            raise InputError(
                f"'{spec.kind}' does not take '{parameter}'",
                way_out=did_you_mean(parameter, kind.parameters),
            )
    for parameter, (_, default) in kind.parameters.items():
        if default is inspect.Parameter.empty and parameter not in spec.parameters:
            raise InputError(f"'{spec.kind}' needs '{parameter}'")
    if kind.probe is None:
        if spec.shape is None:
            raise InputError(f"'{spec.kind}' needs a shape")
        kind.draw(np.random.default_rng(0), (0,), **own(spec.parameters))  # do they make sense?
        return ArraySpec(spec.shape, kind.element)
    found = kind.probe(**own(spec.parameters))
    if len(found.shape) > MAX_AXES:
        raise InputError(f"it has {len(found.shape)} axes, and may have at most {MAX_AXES}")
    if spec.shape not in (None, found.shape):
        raise InputError(f"its shape is {found.shape}, and must be {spec.shape}")
    if spec.parameters.get(EDGE) and found.kind != "float":
        raise InputError("it has edge values, which real numbers alone have")
    return found


def require_whole(case: Case) -> None:
    """Refuse data files that are cut short; raises as `specs` does."""
    for name, spec in case.inputs.items():
        if spec.kind == "file":
            with _named(name, spec):
                npy.require_whole(**own(spec.parameters))


@contextmanager
def _named(name: str, spec: InputSpec) -> Iterator[None]:
    """Add the input and its place to what is raised inside of it."""
    try:
        yield
    except GradcmpError as error:
        error.fact = f"input '{name}': {error.fact}"
        raise error.at(spec.where) from None


def draw(case: Case, known: Mapping[str, ArraySpec] | None = None) -> dict[str, Array]:
    """Draw every input: float64, or int64 and bool as they are.

    Each is a function of the seed and its name alone. With `Case.round_inputs` real numbers
    are rounded to numbers that every dtype in the case can represent, and stay float64. Complex
    numbers are parts of float64 on a last axis of two, each drawn as a real number is.

    Parameters
    ----------
    known : mapping of str to ArraySpec, optional
        Shapes and kinds, of complex numbers those of the parts, where they are known already and
        fit into memory.

    Raises
    ------
    InputError
        As `specs`; before anything is allocated, when memory does not suffice; and for a file
        whose array is no longer the one that is known.
    """
    if known is None:
        found = specs(case)
        require_memory(found, case.where)
        known = {name: _parts(spec) for name, spec in found.items()}
    return {name: _draw(case, name, spec, known[name]) for name, spec in case.inputs.items()}


def _draw(case: Case, name: str, spec: InputSpec, known: ArraySpec) -> Array:
    with _named(name, spec):
        rng = _generator(case.seed, name)
        kind = KINDS[spec.kind]
        array = _in_parts(case, kind, rng, known.shape, own(spec.parameters))
        if kind.probe and is_symmetric(spec):
            require_symmetric(array)
        if edge := EDGES.get(str(spec.parameters.get(EDGE))):
            array = edge(array, rng, case.dtypes)
        if is_symmetric(spec):
            array = mirrored(array)
    found = ArraySpec(array.shape, ELEMENTS[array.dtype.kind])
    if found != known:
        raise InputError(
            f"input '{name}' changed after it was checked: it was {known.kind} of shape "
            f"{known.shape}, and is {found.kind} of shape {found.shape}",
            where=spec.where,
            way_out="Run again when its file stands still",
        )
    return _round(case, array) if array.dtype == np.float64 else array


def _parts(spec: ArraySpec) -> ArraySpec:
    return ArraySpec((*spec.shape, 2)) if spec.kind == "complex" else spec


def _in_parts(
    case: Case,
    kind: Kind,
    rng: np.random.Generator,
    shape: Shape,
    parameters: Mapping[str, Any],
) -> Array:
    """Draw an array; of complex numbers random parts, or what is given and 0."""
    if case.dtype not in COMPLEX or kind.is_random:
        return kind.draw(rng, shape, **parameters)
    array = kind.draw(rng, shape[:-1], **parameters)
    if array.dtype.kind not in "fc":
        return array
    return in_parts(array.astype(np.complex128))


def cotangent(case: Case, shape: Shape, output: str = "", is_complex: bool = False) -> Array:
    """Return the upstream gradient of an output of this shape, in float64.

    1.0 for a scalar, as in the textbook. Else ones if the case says so, else standard normal
    from the seed and a name of its own, rounded like the inputs.

    Parameters
    ----------
    shape : tuple of int
        Of complex numbers, that of their parts: a single complex number has a random cotangent.
    output : str
        Tells the outputs of a function with several apart.
    """
    if shape == () or case.cotangent == "ones":
        return in_parts(np.ones(shape[:-1], np.complex128)) if is_complex else np.ones(shape)
    name = f"{COTANGENT}/{output}" if output else COTANGENT
    return _round(case, _generator(case.seed, name).standard_normal(shape))


def tangent(case: Case, name: str, shape: Shape) -> Array:
    """Return the direction v of an input along which derivatives are taken, in float64.

    Standard normal from the seed and the name of the input, rounded like the inputs; symmetric
    for a symmetric one.
    """
    v = _generator(case.seed, f"{TANGENT}/{name}").standard_normal(shape)
    return _round(case, mirrored(v) if name in symmetric_inputs(case) else v)


def _generator(seed: int, name: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()  # not hash(): it is salted
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _round(case: Case, x: Array) -> Array:
    if not case.round_inputs:
        return x
    # Coarsest first: all that is left for the finer ones is float16's range, if bfloat16 came
    # before it; one pass through them all gives numbers that each of them can represent.
    for dtype in sorted(case.dtypes, key=DTYPES.index, reverse=True):
        x = round_to(x, dtype)
    return x


def round_to(x: Array, dtype: DType) -> Array:
    """Round float64 numbers to the nearest ones in `dtype`, ties to even; float64 again."""
    with np.errstate(over="ignore"):  # which becomes infinity in that dtype
        if dtype == "bfloat16":
            x = _odd(x)
        rounded: Array = x.astype(numpy_dtype(dtype)).astype(np.float64)
    return rounded


def _odd(x: Array) -> Any:
    """Round float64 to odd in float32, so that rounding on to bfloat16 rounds only once.

    ml_dtypes goes through float32, and two roundings to nearest are not one: 1 + 2⁻⁸ + 2⁻⁴⁰
    would become 1 instead of 1 + 2⁻⁷. Ref: Boldo and Melquiond (2008), Emulation of FMA and
    correctly rounded sums: proved algorithms using rounding to odd.
    """
    near = x.astype(np.float32)
    down = np.where(np.abs(near) > np.abs(x), np.nextafter(near, np.float32(0)), near)
    inexact = np.asarray(down != x, np.uint32)
    odd: Array = np.bitwise_or(down.view(np.uint32), inexact, out=inexact)
    return odd.view(np.float32)
