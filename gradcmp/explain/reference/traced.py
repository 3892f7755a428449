"""The reference written out: its forward pass and its pullbacks, as lines of plain NumPy.

References follow NumPy's protocols, so they run on an array that remembers how it was made:
the same lines that compute the reference's numbers write down the textbook's.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcmp.case import Shape
from gradcmp.explain.reference.trees import Held, bare, call, literal, name
from gradcmp.ops import Array
from gradcmp.ops.erf import erf_value
from gradcmp.ops.routines import squarings
from gradcmp.ops.tails import precise, square_scale

SIGNS: dict[np.ufunc, ast.operator] = {
    np.add: ast.Add(),
    np.subtract: ast.Sub(),
    np.multiply: ast.Mult(),
    np.divide: ast.Div(),
    np.power: ast.Pow(),
    np.matmul: ast.MatMult(),
}
COMPARISONS: dict[np.ufunc, ast.cmpop] = {
    np.greater: ast.Gt(),
    np.greater_equal: ast.GtE(),
    np.less: ast.Lt(),
    np.less_equal: ast.LtE(),
    np.equal: ast.Eq(),
    np.not_equal: ast.NotEq(),
}
# What leaves the other operand as it is: x + 0, x - 0, x * 1, x / 1, x ** 1; and from the left.
NEUTRAL_RIGHT: dict[np.ufunc, int] = {
    np.add: 0,
    np.subtract: 0,
    np.multiply: 1,
    np.divide: 1,
    np.power: 1,
}
NEUTRAL_LEFT: dict[np.ufunc, int] = {np.add: 0, np.multiply: 1}
ERF = "erf"  # NumPy has no error function; the code makes one of math.erf

ARRAYS = (np.ndarray, np.generic)
AXIS_SECOND = (np.expand_dims, np.squeeze)  # functions whose second argument is an axis


Rule: TypeAlias = "Callable[..., Traced | None]"


class Traced(NDArrayOperatorsMixin):
    """An array that remembers how it was made.

    Attributes
    ----------
    value : array
    tree : tree
        What makes it: one object wherever the same result is used.
    """

    def __init__(self, value: Any, tree: ast.expr) -> None:
        self.value: Array = np.asarray(value)
        self.tree = tree

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the value."""
        return self.value.dtype

    def __bool__(self) -> bool:
        raise TypeError(f"a reference branches on the numbers in {ast.unparse(self.tree)}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Pass indices to functions that take them only as arrays; real numbers never get lost."""
        if self.value.dtype.kind == "f":
            raise TypeError(f"{ast.unparse(self.tree)} would lose how it was made")
        return np.array(self.value, dtype)

    def __getitem__(self, key: Any) -> Traced:
        return Traced(self.value[key], ast.Subscript(self.tree, literal(bare(key))))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method == "at":
            return _scatter(ufunc, *inputs)
        value = getattr(ufunc, method)(*_value(inputs), **keywords)
        if _is_number(inputs, value):
            return Traced(value, _short(value))
        if method != "__call__":
            path = f"np.{ufunc.__name__}.{method}"
            return Traced(value, call(name(path), map(_tree, inputs), **keywords))
        kept = _neutral(ufunc, inputs, np.shape(value))
        if kept is not None:
            return kept
        return Traced(value, _operation(ufunc, list(map(_tree, inputs))))

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        if function is precise:  # what is written down is the usual formula
            usual, _, *operands = arguments
            return usual(*operands)
        if function is square_scale:  # and of numbers as they are
            return None
        if function is squarings:
            return squarings(self.value)
        if function is erf_value:
            return Traced(erf_value(self.value), call(name(ERF), [self.tree]))
        if not function.__module__.startswith("numpy"):
            return NotImplemented  # a primitive of the ops, told apart for rounding: as it is made
        value = function(*_value(arguments), **_value(keywords))
        if isinstance(value, tuple) and any(isinstance(one, ARRAYS) for one in value):
            several = _call(function, arguments, keywords)  # matrices that are factors
            return tuple(
                Traced(one, ast.Subscript(several, literal(i))) for i, one in enumerate(value)
            )
        if not isinstance(value, ARRAYS):
            return value  # a shape, a number of axes
        if _is_number((*arguments, *keywords.values()), value):
            return Traced(value, _short(value))
        rule: Rule = RULES.get(function, _as_it_stands)
        kept = rule(value, *arguments, **keywords)
        return Traced(value, _call(function, arguments, keywords)) if kept is None else kept


def _value(given: Any) -> Any:
    """Return what a function is to compute with: the arrays inside of what was traced."""
    if isinstance(given, (list, tuple)):
        return type(given)(map(_value, given))
    if isinstance(given, dict):
        return {word: _value(one) for word, one in given.items()}
    return given.value if isinstance(given, Traced) else given


def _tree(given: Any) -> ast.expr:
    """Return the tree of an argument, whatever it is."""
    if isinstance(given, Traced):
        return given.tree
    if isinstance(given, np.ndarray) and given.ndim:
        return Held(given)
    if isinstance(given, (np.ndarray, np.generic)):
        return literal(given.item())
    if isinstance(given, list):
        return ast.List(list(map(_tree, given)), ast.Load())
    if isinstance(given, tuple):
        return ast.Tuple(list(map(_tree, given)), ast.Load())
    return literal(given)


def _fixed(given: Any) -> bool:
    """Return whether an operand is one number that does not depend on the inputs."""
    if not isinstance(given, Traced):
        return np.ndim(given) == 0
    tree = given.tree.operand if isinstance(given.tree, ast.UnaryOp) else given.tree
    return isinstance(tree, ast.Constant)


def _is_number(given: Any, value: Any) -> bool:
    return np.ndim(value) == 0 and all(map(_fixed, given))


def _short(value: Any) -> ast.expr:
    """Write a number that came out of numbers: 2 rather than 2.0."""
    number = np.asarray(value).item()
    whole = isinstance(number, float) and number.is_integer() and abs(number) < 2**53
    return literal(int(number) if whole else number)


def _operation(ufunc: np.ufunc, operands: list[ast.expr]) -> ast.expr:
    if ufunc in SIGNS:
        return ast.BinOp(operands[0], SIGNS[ufunc], operands[1])
    if ufunc in COMPARISONS:
        return ast.Compare(operands[0], [COMPARISONS[ufunc]], [operands[1]])
    if ufunc is np.negative:
        return ast.UnaryOp(ast.USub(), operands[0])
    return call(name(f"np.{ufunc.__name__}"), operands)


def _neutral(ufunc: np.ufunc, inputs: Any, shape: Shape) -> Traced | None:
    """Return the operand that comes out as it went in, if there is one."""
    if len(inputs) != 2:
        return None
    for kept, number, table in (
        (inputs[0], inputs[1], NEUTRAL_RIGHT),
        (inputs[1], inputs[0], NEUTRAL_LEFT),
    ):
        if (
            ufunc in table
            and isinstance(kept, Traced)
            and kept.shape == shape
            and _fixed(number)
            and _value(number) == table[ufunc]
        ):
            return kept
    return None


def _scatter(ufunc: np.ufunc, onto: Traced, index: Any, terms: Any) -> None:
    """Write adding to places of a row of zeros as the one function that does it."""
    if ufunc is not np.add or onto.value.ndim != 1 or onto.value.any():
        raise TypeError("only adding to a row of zeros can be written out")
    onto.value = onto.value.copy()
    np.add.at(onto.value, _value(index), _value(terms))
    onto.tree = call(
        name("np.bincount"), [_tree(index)], weights=_tree(terms), minlength=len(onto.value)
    )


def _call(function: Any, arguments: Any, keywords: Mapping[str, Any]) -> ast.expr:
    shown = list(arguments)
    if function in AXIS_SECOND:
        shown[1] = _axis(shown[1], None)
    named = {
        word: _axis(one, arguments[0]) if word == "axis" else one for word, one in keywords.items()
    }
    trees = {
        word: one if one is None or one is False else _tree(one) for word, one in named.items()
    }
    path = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
    return call(name(path), map(_tree, shown), **trees)


def _axis(axis: Any, x: Any) -> Any:
    """Write one axis as a number, and all of them as none."""
    if not isinstance(axis, tuple):
        return axis
    if isinstance(x, Traced) and sorted(axis) == list(range(x.value.ndim)):
        return None
    return axis[0] if len(axis) == 1 else axis


def _as_it_stands(value: Array, *arguments: Any, **keywords: Any) -> None:
    return None


def _real(value: Array, x: Traced) -> Traced:
    return x


def _same_shape(value: Array, x: Any, shape: Any) -> Traced | None:
    return x if isinstance(x, Traced) and x.shape == value.shape else None


def _broadcast(value: Array, x: Any, shape: Shape, subok: bool = False) -> Traced:
    """Broadcasting gives new axes in front by itself, and has no subclasses to keep."""
    tree = _tree(x)
    if isinstance(tree, ast.Call) and ast.unparse(tree.func) == "np.expand_dims":
        axes = np.atleast_1d(ast.literal_eval(tree.args[1])).tolist()
        if axes == list(range(len(axes))):
            tree = tree.args[0]
    same = _same_shape(value, x, shape)
    made = call(name("np.broadcast_to"), [tree, literal(shape)])
    return Traced(value, made) if same is None else same


def _transpose(value: Array, x: Any, axes: Any = None) -> Traced | None:
    return x if axes is not None and tuple(axes) == tuple(range(value.ndim)) else None


def _swap(value: Array, x: Any, one: int, other: int) -> Traced | None:
    if value.ndim != 2 or (one - other) % 2 == 0 or not isinstance(x, Traced):
        return None
    return Traced(value, ast.Attribute(x.tree, "T"))


def _zeros_like(value: Array, x: Any, shape: Shape | None = None) -> Traced | None:
    return None if shape is None else Traced(value, call(name("np.zeros"), [literal(shape)]))


def _where(value: Array, condition: Any, x: Any, y: Any) -> Traced | None:
    """Take the branch that a condition without inputs chooses."""
    if not _fixed(condition):
        return None
    branch = x if bool(_value(condition)) else y
    return branch if isinstance(branch, Traced) and branch.shape == value.shape else None


# How to write a call better than as it stands; None: as it stands.
RULES: Mapping[Any, Rule] = {
    np.real: _real,
    np.reshape: _same_shape,
    np.broadcast_to: _broadcast,
    np.transpose: _transpose,
    np.swapaxes: _swap,
    np.zeros_like: _zeros_like,
    np.where: _where,
}
