"""What an op is: one record of all that is known of one array function, and the registry."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from gradcmp.case import Shape
from gradcmp.dtypes.arrays import Array as Array

Pullback: TypeAlias = Callable[[Array], "tuple[Array | None, ...]"]
Kind: TypeAlias = Literal["float", "int", "bool", "complex"]
CONTINUOUS: frozenset[Kind] = frozenset(("float", "complex"))  # kinds that have a gradient
Native: TypeAlias = Callable[..., Any]
Primitive: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class ArraySpec:
    """What is known of an array before anything runs."""

    shape: Shape
    kind: Kind = "float"


class ShapeError(ValueError):
    """Operands whose shapes or kinds an op cannot take; the graph adds node, file and line."""


@dataclass(frozen=True)
class Interval:
    """Real numbers from `low` to `high`, at least `gap` away from each point to `avoid`.

    Random testing draws from it; kinks and poles are kept clear of, because there the
    frameworks may differ rightfully and a derivative need not exist.
    """

    low: float
    high: float
    avoid: tuple[float, ...] = ()
    gap: float = 0.1

    def draw(self, rng: np.random.Generator, shape: Shape) -> Array:
        """Draw float64 numbers of this domain."""
        x = rng.uniform(self.low, self.high, shape)
        for point in self.avoid:
            distance = np.abs(x - point)
            away = point + np.where(x < point, -1, 1) * (self.gap + distance)
            x = np.where(distance < self.gap, away, x)
        return x


@dataclass(frozen=True)
class Integers:
    """Whole numbers from `low` to `high` - 1, for operands that are indices or classes."""

    low: int
    high: int

    def draw(self, rng: np.random.Generator, shape: Shape) -> Array:
        """Draw int64 numbers of this domain."""
        return rng.integers(self.low, self.high, shape)


@dataclass(frozen=True)
class Booleans:
    """True or False, for operands that are conditions."""

    def draw(self, rng: np.random.Generator, shape: Shape) -> Array:
        """Draw booleans of this domain."""
        return rng.random(shape) < 0.5


@dataclass(frozen=True)
class Distinct:
    """Whole numbers from 0 to `high` - 1, none of them twice along any axis of up to `high`."""

    high: int

    def draw(self, rng: np.random.Generator, shape: Shape) -> Array:
        """Draw int64 numbers of this domain."""
        along = np.indices(shape).sum(axis=0) if shape else np.asarray(0)
        found: Array = rng.permutation(self.high)[along % self.high]
        return found


@dataclass(frozen=True)
class Matrices:
    """Matrices on the last two axes with singular values evenly spaced from `low` to `high`.

    They are well conditioned, and no singular value meets another. Symmetric ones have these as
    eigenvalues: they are positive definite where `low` is positive.
    """

    low: float = 0.5
    high: float = 2.0
    symmetric: bool = False

    def draw(self, rng: np.random.Generator, shape: Shape) -> Array:
        """Draw float64 matrices of this domain; what has no rows and columns is plain numbers."""
        if len(shape) < 2:
            return rng.uniform(self.low, self.high, shape)
        *batch, m, n = shape
        left, right = (np.linalg.qr(rng.standard_normal((*batch, k, k)))[0] for k in (m, n))
        k = min(m, n)
        rows = left if self.symmetric else right
        scaled = left[..., :k] * np.linspace(self.low, self.high, k)
        x: Array = scaled @ np.swapaxes(rows[..., :k], -1, -2)
        return x


Domain: TypeAlias = Interval | Integers | Distinct | Booleans | Matrices
ANYWHERE = Interval(-2.0, 2.0)  # away from overflow in every op and every dtype
EVERYWHERE = "*"  # the name of a spelling for all frameworks: Python's operators


@dataclass(frozen=True)
class Example:
    """A call in the graph language with the shapes of its operands; the tests run each one."""

    expression: str
    shapes: Mapping[str, Shape]


@dataclass(frozen=True)
class Kink:
    """A point where correct implementations lawfully differ.

    Attributes
    ----------
    name : str
        The point, as it is known: ``x = 0``.
    expression : str
        A call in the graph language; what each framework answers to it is measured.
    inputs : mapping of str to numbers
        Its operands, in nested tuples.
    why : str
        The reason, or a link: what mathematics leaves open.
    met : callable, optional
        ``met(*operands, **static)``: whether a node is at such a point. None where no run is
        explained by it.
    """

    name: str
    expression: str
    inputs: Mapping[str, object]
    why: str
    met: Callable[..., bool] | None = None


@dataclass(frozen=True)
class Op:
    """One array function.

    Attributes
    ----------
    name : str
        The Python array API standard's name where there is one, else the one that
        torch.nn.functional and jax.nn share.
    reference : callable
        ``reference(*operands, **static) -> (value, pullback)`` in plain NumPy functions that
        keep the array's own class, so that the same lines run on float32, on complex numbers
        and under injected rounding noise. ``pullback(dy)`` gives one cotangent an operand, or
        None for an operand without a derivative (a condition, an index). Parameters annotated
        `Array` are operands, ``*name: Array`` is any number of them; all others are static.
    infer : callable
        ``infer(*specs, **static) -> ArraySpec``; raises `ShapeError`.
    examples : tuple of Example
        Calls that cover the static parameters; operands are named as in the reference.
    native : mapping of str to callable
        By backend ``spelling(module, *operands, **static)``, or one for all under `EVERYWHERE`.
        A backend that brings its own table of spellings need not be here.
    domain : mapping of str to Domain
        By operand; one that is not named is drawn from `ANYWHERE`.
    differentiable : bool
        False for comparisons and the like: they have no pullback to test.
    noise : mapping of callable to float
        How far correct implementations of a primitive stray, in units of u: half of the worst
        error seen over the frameworks, 0 for what is exact. For each ufunc, or primitive of one's
        own that asks `offered`, that computes element by element and is not in
        `gradcmp.judge.noise.rules.arithmetic`.
    compares : bool
        True where it takes a branch by a comparison, which is False beside NaN: what becomes of
        a NaN there is then a convention of each library.
    loses_digits : bool
        True where the usual formula loses digits somewhere and the reference has a better one in
        float64, see `gradcmp.ops.tails.precise`: who loses all digits there is warned of.
    kinks : tuple of Kink
        Points where the frameworks lawfully differ: what each returns there is measured by
        ``gradcmp conventions --measure``.
    bounds : callable, optional
        ``bounds(*specs, **static)`` gives for each operand the range of the indices that it may
        hold, or None: beyond it frameworks wrap around, fill, ignore or crash, so that such
        indices are refused before anything runs.
    call : callable, optional
        Has the signature that calls in the graph language follow where it cannot be the
        reference's: that of an op with a static argument before any number of operands. A
        parameter that it annotates ``Array | float | None`` is static where a call has a number
        there; else what the call has is one more operand, and the static argument is ``...``.
    """

    name: str
    reference: Callable[..., tuple[Array, Pullback]]
    infer: Callable[..., ArraySpec]
    examples: tuple[Example, ...]
    native: Mapping[str, Native] = field(default_factory=dict)
    domain: Mapping[str, Domain] = field(default_factory=dict)
    differentiable: bool = True
    noise: Mapping[Primitive, float] = field(default_factory=dict)
    compares: bool = False
    loses_digits: bool = False
    kinks: tuple[Kink, ...] = ()
    bounds: Callable[..., tuple[range | None, ...]] | None = None
    call: Callable[..., object] | None = None

    @cached_property
    def signature(self) -> inspect.Signature:
        """The call syntax in the graph language."""
        return inspect.signature(self.call or self.reference)

    @cached_property
    def operands(self) -> frozenset[str]:
        """Names of the parameters that are arrays."""
        return frozenset(
            name
            for name, parameter in self.signature.parameters.items()
            if parameter.annotation in (Array, "Array", "Array | None")
        )

    @cached_property
    def either(self) -> frozenset[str]:
        """Names of the parameters that are numbers written into a call, or arrays."""
        return frozenset(
            name
            for name, parameter in self.signature.parameters.items()
            if parameter.annotation == "Array | float | None"
        )

    @property
    def summary(self) -> str:
        """The first line of the reference's docstring: the formula."""
        return (inspect.getdoc(self.reference) or "").partition("\n")[0]

    @property
    def vjp(self) -> str:
        """The formula of the pullback, from the reference's docstring; empty without derivative."""
        doc = inspect.getdoc(self.reference) or ""
        found = re.search(
            r"^VJP:(.*?)(?=^$|^Ref:|^Conventions?:|\Z)", doc, re.DOTALL | re.MULTILINE
        )
        return " ".join(found[1].split()) if found else ""

    def draw(self, operand: str, rng: np.random.Generator, shape: Shape) -> Array:
        """Draw one operand from its domain."""
        return self.domain.get(operand, ANYWHERE).draw(rng, shape)
