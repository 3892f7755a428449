"""What primitives are of real and imaginary parts, composed of real primitives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcmp.ops.elementwise.trigonometric import angle_of
from gradcmp.ops.linalg.determinants import cofactors
from gradcmp.ops.primitives import total_as
from gradcmp.ops.routines import stably, strays
from gradcmp.ops.tails import precise
from gradcmp.parts.pair import COMPOSED, FUNCTIONS, NoPairError, Pair, im_of, re_of

Rule = Callable[..., Any]


def _part_by_part(function: Rule) -> Rule:
    """Return a function that is linear, with real coefficients, of a pair: of each part alone."""

    def rule(*operands: Any, **static: Any) -> Pair:
        return Pair(*(function(*map(part, operands), **static) for part in (re_of, im_of)))

    return rule


def _add(x: Any, y: Any) -> Pair:
    return _alike(re_of(x) + re_of(y), im_of(x) + im_of(y))


def _subtract(x: Any, y: Any) -> Pair:
    return _alike(re_of(x) - re_of(y), im_of(x) - im_of(y))


def _alike(re: Any, im: Any) -> Pair:
    """Return a pair of parts that broadcasting has given different shapes: one operand was real."""
    shape = np.broadcast_shapes(np.shape(re), np.shape(im))
    return Pair(
        *(x if np.shape(x) == shape else np.broadcast_to(x, shape, subok=True) for x in (re, im))
    )


def _bilinear(function: Rule) -> Rule:
    """Return a product: (a + ib)(c + id) = (ac - bd) + i(ad + bc)."""

    def rule(x: Any, y: Any) -> Pair:
        a, c = re_of(x), re_of(y)
        if not isinstance(y, Pair):
            return Pair(function(a, c), function(x.im, c))
        if not isinstance(x, Pair):
            return Pair(function(a, c), function(a, y.im))
        re = function(a, c) - function(x.im, y.im)
        return Pair(re, function(a, y.im) + function(x.im, c))

    return rule


_multiply = _bilinear(np.multiply)


def _squares(x: Pair) -> Any:
    return x.re * x.re + x.im * x.im


def _divide(x: Any, y: Any) -> Pair:
    if not isinstance(y, Pair):
        return Pair(x.re / y, x.im / y)
    size = _squares(y)
    product = _multiply(x, _conjugate(y))
    return Pair(product.re / size, product.im / size)


def _conjugate(x: Pair) -> Pair:
    return Pair(x.re, -x.im)


def _polar(size: Any, angle: Any) -> Pair:
    return Pair(size * np.cos(angle), size * np.sin(angle))


def _absolute(x: Pair) -> Any:
    return np.sqrt(_squares(x))


def _angle(x: Pair) -> Any:
    """Return the angle; on the cut by the sign of a zero, which no sum with noise keeps."""
    angle = angle_of(x.im, x.re)
    if "c" in (x.re.dtype.kind, x.im.dtype.kind):  # a complex step, which leaves no cut
        return angle
    beside = np.where(np.signbit(x.im), -np.pi, np.pi)
    return np.where(x.im == 0, np.where(x.re < 0, beside, angle), angle)


def _power(x: Any, y: Any) -> Pair:
    if isinstance(y, Pair):
        raise NoPairError("a power with complex exponents has no noise model")
    return _polar(np.power(_absolute(x), y), _angle(x) * y)


def _tanh(x: Pair) -> Pair:
    """Divide (sinh 2a + i sin 2b) / (cosh 2a + cos 2b) through by cosh 2a, which may overflow."""
    re, im = 2 * x.re, 2 * x.im
    size = 1.0 / np.cosh(re)
    below = 1.0 + np.cos(im) * size
    return Pair(np.tanh(re) / below, np.sin(im) * size / below)


def _of_whole(routine: Rule) -> Rule:
    """Return a routine on complex matrices, as one on real ones: of ``[re, im]`` side by side."""

    # A matrix beside another has twice the columns, by whose root the operands are moved.
    @strays(operands=math.sqrt(0.5))
    def parts(both: Any) -> Any:
        re, im = np.split(both, 2, axis=-1)
        whole = routine(re + 1j * im)
        return np.real(whole), np.imag(whole)

    return parts


OF_WHOLE: Mapping[Rule, Rule] = {one: _of_whole(one) for one in (np.linalg.det, cofactors)}


def _stably(routine: Rule, *operands: Any) -> Pair:
    """Solve a system of complex numbers as one of real ones: blocks [[A, -B], [B, A]]."""
    x = operands[0]
    if routine in OF_WHOLE and "c" not in (x.re.dtype.kind, x.im.dtype.kind):  # no complex step
        return Pair(*stably(OF_WHOLE[routine], np.concatenate([x.re, x.im], axis=-1)))
    if routine not in (np.linalg.solve, np.linalg.inv) or not isinstance(x, Pair):
        name = routine.__name__.strip("_")
        raise NoPairError(f"{name} of complex matrices has no noise model")
    n = x.shape[-1]
    upper = np.concatenate([x.re, -x.im], axis=-1)
    lower = np.concatenate([x.im, x.re], axis=-1)
    blocks = np.concatenate([upper, lower], axis=-2)
    if routine is np.linalg.inv:
        found = stably(np.linalg.inv, blocks)
        return Pair(found[..., :n, :n], found[..., n:, :n])
    right = operands[1]
    both = np.concatenate([re_of(right), im_of(right) + 0 * re_of(right)], axis=-2)
    found = stably(np.linalg.solve, blocks, both)
    return Pair(found[..., :n, :], found[..., n:, :])


def _where(condition: Any, x: Any, y: Any) -> Pair:
    return Pair(*(np.where(condition, part(x), part(y)) for part in (re_of, im_of)))


def _joining(function: Rule) -> Rule:
    def rule(arrays: Any, **static: Any) -> Pair:
        pairs = [x if isinstance(x, Pair) else Pair(x, 0 * x) for x in arrays]
        return Pair(
            function([x.re for x in pairs], **static), function([x.im for x in pairs], **static)
        )

    return rule


def _first_alone(function: Rule) -> Rule:
    """Return a function of a pair whose further operands are indices, shapes or axes."""

    def rule(x: Any, *rest: Any, **static: Any) -> Pair:
        if not isinstance(x, Pair):
            raise NoPairError(f"{function.__name__} by complex numbers has no noise model")
        return Pair(function(x.re, *rest, **static), function(x.im, *rest, **static))

    return rule


COMPOSED.update(
    {
        np.add: _add,
        np.subtract: _subtract,
        np.negative: _part_by_part(np.negative),
        np.positive: _part_by_part(np.positive),
        np.conjugate: _conjugate,
        np.multiply: _multiply,
        np.matmul: _bilinear(np.matmul),
        np.square: lambda x: _multiply(x, x),
        np.divide: _divide,
        np.reciprocal: lambda x: _divide(1.0, x),
        np.power: _power,
        np.absolute: _absolute,
        np.exp: lambda x: _polar(np.exp(x.re), x.im),
        np.log: lambda x: Pair(np.log(_absolute(x)), _angle(x)),
        np.sqrt: lambda x: _polar(np.sqrt(_absolute(x)), _angle(x) / 2),
        np.sin: lambda x: Pair(np.sin(x.re) * np.cosh(x.im), np.cos(x.re) * np.sinh(x.im)),
        np.cos: lambda x: Pair(np.cos(x.re) * np.cosh(x.im), -np.sin(x.re) * np.sinh(x.im)),
        np.sinh: lambda x: Pair(np.sinh(x.re) * np.cos(x.im), np.cosh(x.re) * np.sin(x.im)),
        np.cosh: lambda x: Pair(np.cosh(x.re) * np.cos(x.im), np.sinh(x.re) * np.sin(x.im)),
        np.tanh: _tanh,
    }
)
PLACED: tuple[Rule, ...] = (  # what moves elements, or adds them up, part by part
    *(np.sum, np.cumsum, np.reshape, np.transpose, np.broadcast_to, np.expand_dims),
    *(np.squeeze, np.flip, np.roll, np.moveaxis, np.swapaxes, np.take),
    *(np.take_along_axis, np.zeros_like, np.copy),
)
FUNCTIONS.update({function: _first_alone(function) for function in PLACED})
FUNCTIONS.update(
    {
        np.angle: _angle,
        np.where: _where,
        np.concatenate: _joining(np.concatenate),
        np.stack: _joining(np.stack),
        np.ones_like: lambda x, **static: Pair(
            np.ones_like(x.re, **static), np.zeros_like(x.im, **static)
        ),
        precise: lambda usual, exact, *operands: usual(*operands),
        stably: _stably,
        total_as: lambda kind, x, axis, keepdims: Pair(
            *(total_as(kind, part, axis, keepdims) for part in x)
        ),
    }
)
