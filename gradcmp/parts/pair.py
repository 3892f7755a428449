"""Arrays of complex numbers that are two arrays of real ones, whatever those carry.

A reference runs on a `Pair` as it stands. Of plain numbers NumPy computes on the complex array.
Where the parts carry more, replicas with rounding noise or an imaginary step, each primitive is
composed of real ones: the noise of a complex product is that of its four real products.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcmp.dtypes.arrays import in_parts, of_parts
from gradcmp.ops.complexes.meaning import joined
from gradcmp.ops.primitives import PLAIN

Rule = Callable[..., Any]


class NoPairError(TypeError):
    """An array function that is not composed of real ones yet; the caller falls back."""


class Pair(NDArrayOperatorsMixin):
    """An array of complex numbers: two of real ones, of one shape."""

    def __init__(self, re: Any, im: Any) -> None:
        self.re = re
        self.im = im

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of either part."""
        return np.shape(self.re)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """A complex one, with parts as these are."""
        return np.result_type(self.re.dtype, np.complex64)

    @property
    def is_plain(self) -> bool:
        """Whether the parts are arrays of real numbers and nothing else."""
        return all(map(_is_of_real_numbers, self))

    @property
    def whole(self) -> Any:
        """The complex array, of plain parts."""
        return of_parts(np.stack([np.asarray(self.re), np.asarray(self.im)], axis=-1))

    def __iter__(self) -> Any:
        return iter((self.re, self.im))

    def __getitem__(self, key: Any) -> Pair:
        return Pair(self.re[key], self.im[key])

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "at":
            return _at(ufunc, *inputs)
        if all(one.is_plain if isinstance(one, Pair) else _is_plain(one) for one in inputs):
            return _paired(getattr(ufunc, method)(*map(_whole, inputs), **kwargs))
        if ufunc is np.add and method in ("reduce", "accumulate"):
            summed = getattr(np.add, method)
            return Pair(*(summed(part, *inputs[1:], **kwargs) for part in inputs[0]))
        rule = COMPOSED.get(ufunc)
        if rule is None or method != "__call__" or kwargs:
            raise NoPairError(f"{ufunc.__name__} of complex numbers has no noise model")
        return rule(*inputs)

    def __array_function__(self, function: Rule, types: Any, args: Any, kwargs: Any) -> Any:
        taken = TAKEN_APART.get(function)
        if taken is not None:
            return taken(*args, **kwargs)
        if _all_plain(args):
            return _paired(function(*_wholes(args), **kwargs))
        try:
            rule = FUNCTIONS.get(function)
            if rule is None:
                raise NoPairError(f"{function.__name__} of complex numbers has no noise model")
            return rule(*args, **kwargs)
        except NoPairError:
            if not _all_real(args):
                raise
            return _paired(function(*_wholes(args), **kwargs))  # what the parts carry is lost


def _is_of_real_numbers(x: Any) -> bool:
    return (type(x) is np.ndarray or isinstance(x, np.generic)) and x.dtype.kind == "f"


def _is_plain(x: Any) -> bool:
    """Whether an operand beside a pair is a number, or an array of real ones and nothing else."""
    return (
        not hasattr(x, "__array_function__")
        or isinstance(x, np.generic)
        or (type(x) is np.ndarray and x.dtype.kind != "c")
    )


def _whole(x: Any) -> Any:
    return x.whole if isinstance(x, Pair) else x


def _wholes(args: Any) -> Any:
    return type(args)(map(_wholes, args)) if isinstance(args, (list, tuple)) else _whole(args)


def _all_plain(args: Any) -> bool:
    if isinstance(args, (list, tuple)):
        return all(map(_all_plain, args))
    return args.is_plain if isinstance(args, Pair) else _is_plain(args)


def _all_real(args: Any) -> bool:
    """Whether the parts are arrays of real numbers, whatever their class."""
    if isinstance(args, (list, tuple)):
        return all(map(_all_real, args))
    parts = tuple(args) if isinstance(args, Pair) else (args,)
    arrays = [one for one in parts if hasattr(one, "dtype")]
    return all(isinstance(one, PLAIN) and one.dtype.kind != "c" for one in arrays)


def _paired(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(map(_paired, result))
    if isinstance(result, PLAIN) and result.dtype.kind == "c":
        parts = in_parts(np.asarray(result))
        return Pair(parts[..., 0], parts[..., 1])
    return result


def re_of(x: Any) -> Any:
    """Return the real part of a pair, or of real numbers."""
    return x.re if isinstance(x, Pair) else x


def im_of(x: Any) -> Any:
    """Return the imaginary part of a pair, or of real numbers: 0."""
    return x.im if isinstance(x, Pair) else 0.0


def _at(ufunc: np.ufunc, target: Any, index: Any, values: Any) -> None:
    """Add into a pair, part by part."""
    if ufunc is not np.add or not isinstance(target, Pair):
        raise NoPairError(f"{ufunc.__name__}.at of complex numbers has no noise model")
    np.add.at(target.re, index, re_of(values))
    np.add.at(target.im, index, im_of(values))


# What each ufunc, and each function, is of parts: `gradcmp.parts.composed` fills them in.
COMPOSED: dict[np.ufunc, Rule] = {}
FUNCTIONS: dict[Rule, Rule] = {}
TAKEN_APART: Mapping[Rule, Rule] = {  # whatever the parts carry
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.real: lambda x: x.re,
    np.imag: lambda x: x.im,
    joined: lambda like, re, im: Pair(re, im),
}
