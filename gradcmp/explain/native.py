"""A framework's own spelling of an op as source: it runs on symbols, which write it down."""

from __future__ import annotations

import ast
import inspect
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gradcmp.backends.idiom import Idiom
from gradcmp.case import DType
from gradcmp.explain.reference.trees import bare, call, literal, name
from gradcmp.graph import Node, Operand
from gradcmp.ops import ArraySpec
from gradcmp.ops.spec import Native


class KnownShape(tuple[int, ...]):
    """A shape with what TensorFlow's shapes know besides."""

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self)


class Symbol:
    """Stands for a module or tensor of a framework; whatever is done to it is written down.

    What a spelling asks of an operand's shape is answered, so that its branches on shapes and
    static arguments are taken; a branch on numbers is refused.
    """

    __array_ufunc__ = None  # NumPy's scalars leave arithmetic with a symbol to it

    def __init__(self, tree: ast.expr, idiom: Idiom, spec: ArraySpec | None = None) -> None:
        self.tree = tree
        self.idiom = idiom
        if spec is not None:
            self.shape = KnownShape(spec.shape)
            self.ndim = len(spec.shape)
            self.dtype = KnownDtype(ast.Attribute(tree, "dtype"), idiom)
            self.dtype.kind = spec.kind[0]
            self.dtype.is_floating = spec.kind == "float"
            self.dtype.is_complex = spec.kind == "complex"

    def __getattr__(self, attribute: str) -> Symbol:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        alias = self.idiom.aliases.get(f"{ast.unparse(self.tree)}.{attribute}")
        return self._of(name(alias) if alias else ast.Attribute(self.tree, attribute))

    def _of(self, tree: ast.expr) -> Symbol:
        return Symbol(tree, self.idiom)

    def __call__(self, *arguments: Any, **keywords: Any) -> Symbol:
        """Write down a call; a number of the expression becomes what the framework wants there."""
        trees = {
            word: value if value is None or value is False else tree_of(value)
            for word, value in keywords.items()
        }
        return self._of(call(self.tree, [self._argument(one) for one in arguments], **trees))

    def _argument(self, value: Any) -> ast.expr:
        if inspect.isfunction(value):
            return self._lambda(value)
        tree = tree_of(value)
        own = ast.unparse(self.tree).startswith(f"{self.idiom.module}.")
        return _filled(self.idiom.argument, tree) if own and isinstance(value, Number) else tree

    def _lambda(self, function: Callable[..., Any]) -> ast.expr:
        """Write a function of tensors as what it returns: the step of a loop, for one.

        Its parameters get names that nothing else in it has.
        """
        own = [ast.Name(parameter) for parameter in inspect.signature(function).parameters]
        body = tree_of(function(*map(self._of, own)))
        for one in own:
            while any(other.id == one.id and other is not one for other in _names(body)):
                one.id += "_"
        # Parsed anew, so that it shares no part with itself: what is shared gets a line of its own
        # before the loop, where the parameters are unknown.
        body = ast.parse(ast.unparse(body), mode="eval").body
        arguments = ast.arguments([], [ast.arg(one.id) for one in own], None, [], [], None, [])
        return ast.Lambda(arguments, body)

    def __getitem__(self, key: Any) -> Symbol:
        return self._of(ast.Subscript(self.tree, tree_of(bare(key))))

    def __iter__(self) -> Iterator[Symbol]:
        """Return the several values of a call, or what stands for all values after a star."""
        function = ast.unparse(self.tree.func) if isinstance(self.tree, ast.Call) else ""
        if function in self.idiom.returns:
            return iter([self[i] for i in range(self.idiom.returns[function])])
        return iter([self._of(ast.Starred(self.tree))])

    def __bool__(self) -> bool:
        raise TypeError(f"a spelling branches on the numbers in {ast.unparse(self.tree)}")

    def __neg__(self) -> Symbol:
        return self._of(ast.UnaryOp(ast.USub(), self.tree))

    __hash__ = None  # type: ignore[assignment]


def _names(tree: ast.expr) -> Iterator[ast.Name]:
    return (one for one in ast.walk(tree) if isinstance(one, ast.Name))


class KnownDtype(Symbol):
    """The dtype of an operand, and of which kind it is, as NumPy, TensorFlow and torch ask."""

    kind: str
    is_floating: bool
    is_complex: bool


class Number(Symbol):
    """A number of an expression: as it is beside an operator, else as the idiom has it."""


def tree_of(value: Any) -> ast.expr:
    """Return the tree of an argument: a symbol, a literal, or a tuple or list of them."""
    if isinstance(value, Symbol):
        return value.tree
    if isinstance(value, (tuple, list)):
        trees = [tree_of(one) for one in value]
        return ast.Tuple(trees, ast.Load()) if isinstance(value, tuple) else ast.List(trees)
    return literal(value)


def _arithmetic(sign: ast.operator, swapped: bool) -> Callable[[Symbol, Any], Symbol]:
    def method(self: Symbol, other: Any) -> Symbol:
        left, right = (tree_of(other), self.tree) if swapped else (self.tree, tree_of(other))
        return Symbol(ast.BinOp(left, sign, right), self.idiom)

    return method


OPERATORS: dict[str, ast.operator] = {
    operator.add.__name__: ast.Add(),
    operator.sub.__name__: ast.Sub(),
    operator.mul.__name__: ast.Mult(),
    operator.truediv.__name__: ast.Div(),
    operator.pow.__name__: ast.Pow(),
    operator.matmul.__name__: ast.MatMult(),
}
for _word, _sign in OPERATORS.items():
    setattr(Symbol, f"__{_word}__", _arithmetic(_sign, swapped=False))
    setattr(Symbol, f"__r{_word}__", _arithmetic(_sign, swapped=True))


def spelled(
    native: Native,
    idiom: Idiom,
    node: Node,
    operands: Mapping[str, tuple[str, ArraySpec]],
    dtype: DType,
) -> ast.expr:
    """Return the tree that computes a node in a framework.

    Parameters
    ----------
    native : callable
        The framework's spelling of the op.
    operands : mapping of str to (str, ArraySpec)
        What the inputs and nodes are called in the code, and their shapes.
    dtype : DType
        Of the tensor that a number becomes where an op has nothing but numbers.

    Raises
    ------
    TypeError
        When the spelling needs the numbers in a tensor to decide what to do.
    """

    def symbol(operand: Operand) -> Symbol | None:
        if operand is None:
            return None
        if isinstance(operand, str):
            called, spec = operands[operand]
            return Symbol(ast.Name(called), idiom, spec)
        number = literal(operand.value)
        if not node.sources:
            return Symbol(_filled(idiom.number, number, dtype), idiom, ArraySpec(()))
        return Number(number, idiom, ArraySpec(()))

    module = Symbol(ast.Name(idiom.module), idiom)
    result = native(module, *map(symbol, node.operands), **node.static)
    tree: ast.expr = result.tree
    return tree


def _filled(template: str, number: ast.expr, dtype: str = "") -> ast.expr:
    """Write a number into a template of an idiom."""
    text = template.format(number=ast.unparse(number), dtype=dtype)
    return ast.parse(text, mode="eval").body
