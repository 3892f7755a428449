"""A function of the user with its derivatives beyond the gradient among its outputs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from inspect import signature
from typing import Any, TypeAlias

import numpy as np

from gradcmp.derivatives import Derivative, names
from gradcmp.dtypes.arrays import Array
from gradcmp.errors import BackendError
from gradcmp.inputs.directions import require_small
from gradcmp.inputs.draw import tangent
from gradcmp.native.arranging.arranged import Arranged
from gradcmp.native.calling import described, named_outputs
from gradcmp.native.side import Function
from gradcmp.native.taps import recording
from gradcmp.native.way import DrawnCotangents

Tensors: TypeAlias = Sequence[Any]


@dataclass(frozen=True)
class Home:
    """What a framework has to say of tensors.

    Attributes
    ----------
    like : callable
        ``like(array, x)``: an array as a tensor of the dtype and the place of another.
    apart : callable
        A tensor as a constant: what is made of it has no gradient.
    is_real : callable
        Whether a tensor has a derivative.
    """

    like: Callable[[Any, Array, Any], Any]
    apart: Callable[[Any, Any], Any]
    is_real: Callable[[Any, Any], bool]


HOMES: Mapping[str, Home] = {
    "torch": Home(
        lambda torch, array, x: torch.tensor(array, dtype=x.dtype, device=x.device),
        lambda torch, x: x.detach(),
        lambda torch, x: bool(x.is_floating_point()),
    ),
    "tensorflow": Home(
        lambda tf, array, x: tf.cast(tf.constant(array), x.dtype),
        lambda tf, x: tf.identity(tf.stop_gradient(x)),
        lambda tf, x: bool(x.dtype.is_floating),
    ),
    "jax": Home(
        lambda jax, array, x: jax.numpy.asarray(array, x.dtype),
        lambda jax, x: jax.lax.stop_gradient(x),
        lambda jax, x: bool(jax.numpy.issubdtype(x.dtype, jax.numpy.floating)),
    ),
}


def with_derivative(
    function: Function,
    framework: str,
    mode: str,
    wrt: Sequence[str] | None,
    cotangents: DrawnCotangents,
) -> Function:
    """Return a function that returns what the case asks for beside its own outputs.

    It is a function of its framework like any other, so that its operations are given the noise of
    their rounding. What it returns beside has no gradient of its own.

    Parameters
    ----------
    wrt : sequence of str, optional
        Of its inputs, all that are real unless it is given.
    cotangents : DrawnCotangents
        Of its outputs; their case says which derivative, and draws the directions.

    Raises
    ------
    BackendError
        For a gradient by hand, and for a function that brings parameters.
    UsageError
        When the function is called, for a Jacobian or a Hessian that is too large.
    """
    derivative = cotangents.case.derivative
    if derivative == "gradient":
        return function
    _require_plain(function, framework, derivative)
    ways = import_module(f"gradcmp.backends.derivatives.{framework}")
    is_compiled = framework == "torch" and mode != "eager"
    way = (ways.COMPILED if is_compiled else ways.WAYS)[derivative]
    home, known = HOMES[framework], signature(function)

    @wraps(function)
    def derived(*args: Any, **kwargs: Any) -> dict[str, Any]:
        library = sys.modules[framework]
        given = known.bind(*args, **kwargs).arguments
        own = named_outputs(function, function(**given))
        real = [name for name, y in own.items() if home.is_real(library, y)]
        by = [n for n, x in given.items() if home.is_real(library, x) and n in (wrt or given)]

        def outputs(*xs: Any) -> tuple[Any, ...]:
            with recording(None):  # its taps are those of the first call
                found = function(**{**given, **dict(zip(by, xs, strict=True))})
            again = named_outputs(function, found)
            return tuple(again[name] for name in real)

        xs = [home.apart(library, given[name]) for name in by]
        shapes = [tuple(x.shape) for x in xs]
        made = [tuple(own[name].shape) for name in real]
        require_small(described(function), derivative, made, shapes)
        drawn = [tangent(cotangents.case, n, s) for n, s in zip(by, shapes, strict=True)]
        vs = [home.like(library, v, x) for v, x in zip(drawn, xs, strict=True)]
        upstream = [
            home.like(library, np.asarray(cotangents(name, shape)), own[name])
            for name, shape in zip(real, made, strict=True)
        ]
        found = way(library, outputs, xs, vs, upstream)
        called = names(derivative, real, by)
        beside = {n: home.apart(library, one) for n, one in zip(called, found, strict=True)}
        return {**own, **beside}

    return derived


def _require_plain(function: Function, framework: str, derivative: Derivative) -> None:
    if framework not in HOMES:
        raise BackendError(
            f"{described(function)} is a gradient by hand, which has no {derivative}",
            way_out="Compare it as functions of their own, or ask for the gradient",
        )
    if Arranged.brings_parameters(function):
        raise BackendError(
            f"{described(function)} brings parameters of its own, and has no {derivative} here",
            way_out="Compare a function that takes them as inputs",
        )
