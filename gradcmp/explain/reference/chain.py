"""The chain rule in symbols: along which path a gradient comes, and the factor of each step."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from itertools import pairwise

from gradcmp.explain.reference.textbook import Textbook
from gradcmp.explain.reference.trees import parts_of
from gradcmp.graph import Constant, Node

R = "r"  # the number that is differentiated
FACTORS = 8  # of one product; a longer path starts from a gradient that is known by then
NOUNS = {
    "add": "the addition",
    "subtract": "the subtraction",
    "multiply": "the multiplication",
    "divide": "the division",
    "power": "the power",
    "negative": "the minus sign",
    "matmul": "the matrix product",
    "sum": "the sum",
    "mean": "the mean",
    "getitem": "the index",
}


@dataclass(frozen=True)
class Derivative:
    """A derivative of one name of the code by another: ``dnode1/dY``."""

    upper: str
    lower: str

    def __str__(self) -> str:
        return f"d{self.upper}/d{self.lower}"

    @property
    def latex(self) -> str:
        """The same as a fraction of partial derivatives."""
        return rf"\frac{{\partial {upright(self.upper)}}}{{\partial {upright(self.lower)}}}"


def upright(name: str) -> str:
    r"""Return an identifier in LaTeX: ``\mathrm{node\_1}``; a single letter stays slanted."""
    escaped = name.replace("_", r"\_")
    return name if len(name) == 1 else rf"\mathrm{{{escaped}}}"


@dataclass(frozen=True)
class Local:
    """The derivative of one node by one of its operands.

    Attributes
    ----------
    symbol : Derivative
        ``dnode1/dY``.
    factor : str
        What a cotangent is multiplied by, element by element, and why: ``X, because of the
        multiplication``. Empty for a linear map that is no such factor.
    node : Node
        The node that is differentiated.
    """

    symbol: Derivative
    factor: str
    node: Node

    def __str__(self) -> str:
        """Describe it in words."""
        if self.factor:
            return f"{self.symbol} is {self.factor}"
        return f"{self.symbol} is a linear map, no factor for each element, {because(self.node)}"


@dataclass(frozen=True)
class Rule:
    """Where the gradient of one input or node comes from, in the names of the code.

    Attributes
    ----------
    of : Derivative
        Of r by the input or node.
    products : tuple of tuple of Derivative
        What is multiplied, for each use; the gradient is their sum.
    value, reason : str
        What it is where there is no product, and why.
    steps : tuple of Local
        The last factor of each product.
    """

    of: Derivative
    products: tuple[tuple[Derivative, ...], ...] = ()
    value: str = ""
    reason: str = ""
    steps: tuple[Local, ...] = ()

    @property
    def text(self) -> str:
        """``dr/dY = dr/dnode3 · dnode3/dnode2 · dnode2/dnode1 · dnode1/dY``."""
        products = [" · ".join(map(str, product)) for product in self.products]
        return f"{self.of} = {' + '.join(products) or self.value}{self.reason}"

    @property
    def latex(self) -> str:
        """The rule as an equation."""
        products = [r" \cdot ".join(one.latex for one in product) for product in self.products]
        return f"{self.of.latex} = {' + '.join(products) or upright(self.value)}"

    @property
    def sentence(self) -> str:
        """The rule, and the last factor where there is one product: as a textbook has it."""
        if len(self.steps) != 1 or not self.steps[0].factor:
            return self.text
        return f"{self.text}; the last is {self.steps[0].factor}"


def rule(book: Textbook, name: str) -> Rule:
    """Return the chain rule for one input or node; r is ``<cotangent, output>``."""
    of = Derivative(R, book.names[name])
    if name == book.graph.output:
        scalar = book.values[name].value.shape == ()
        return Rule(of, value="1" if scalar else "cotangent", reason=f": {meaning(book)}")
    users = list(dict.fromkeys(node.name for node, _ in book.uses.get(name, ())))
    if not users:
        return Rule(of, value="0", reason=", because r does not depend on it")
    products = tuple(_product(book, name, user, len(users) == 1) for user in users)
    return Rule(of, products, steps=tuple(local(book, name, user) for user in users))


def meaning(book: Textbook) -> str:
    """Describe what r is: the output, or a number made of it."""
    output = book.names[book.graph.output]
    scalar = book.values[book.graph.output].value.shape == ()
    return f"r is {output}" if scalar else f"r is sum(cotangent * {output})"


def because(node: Node) -> str:
    """Name the op of a node as a reason."""
    return f"because of {NOUNS.get(node.op, node.op)}"


def _product(book: Textbook, name: str, user: str, whole: bool) -> tuple[Derivative, ...]:
    """Return the factors from the output down to `name`, or from a node that is known by then."""
    path = [name, user]
    while whole and path[-1] != book.graph.output and len(path) < FACTORS:
        above = list(dict.fromkeys(node.name for node, _ in book.uses.get(path[-1], ())))
        if len(above) != 1:
            break
        path += above
    called = [book.names[one] for one in path]
    steps = [Derivative(upper, lower) for lower, upper in pairwise(called)]
    return (Derivative(R, called[-1]), *reversed(steps))


def local(book: Textbook, name: str, user: str) -> Local:
    """Return the derivative of node `user` by its operand `name`."""
    terms = [(node, term) for node, term in book.uses[name] if node.name == user]
    node = terms[0][0]
    symbol = Derivative(book.names[user], book.names[name])
    factors = [_factor(_unwrapped(term.tree), book.names.gradient(user)) for _, term in terms]
    if None in factors:
        return Local(symbol, "", node)
    text = " + ".join(book.show(one) for one in factors if one is not None)
    mine, theirs = book.values[name].value.size, book.values[user].value.size
    if mine > theirs:
        text += f" for each element of {book.names[name]}"
    text += f", {because(node)}"
    if mine < theirs:
        text += f", summed over the axes along which {book.names[name]} is repeated"
    return Local(symbol, text, node)


def pullback(book: Textbook, node: Node) -> str:
    """Return the formula of a node's pullback, and what its letters stand for here."""
    letters = ", ".join(
        f"{letter} is {_operand(book, operand)}"
        for letter, operand in zip(_letters(node), node.operands, strict=False)
        if operand is not None and operand != letter
    )
    return f"VJP of {node.op}: {node.spec.vjp}" + (f" Here {letters}." if letters else "")


def _operand(book: Textbook, operand: str | Constant) -> str:
    return book.names[operand] if isinstance(operand, str) else f"{operand.value}"


def _letters(node: Node) -> list[str]:
    """Name the operands as the formula does; an op of any number of operands names none."""
    kinds = inspect.signature(node.spec.reference).parameters.values()
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in kinds):
        return []
    return [one.name for one in kinds if one.name in node.spec.operands]


FITTING = ("np.sum", "np.reshape", "np.broadcast_to", "np.expand_dims")
ONE = ast.Constant(1)


def _unwrapped(tree: ast.expr) -> ast.expr:
    """Take off what only fits a gradient to its operand's shape."""
    while isinstance(tree, ast.Call) and ast.unparse(tree.func) in FITTING:
        tree = tree.args[0]
    return tree


def _factor(tree: ast.expr, leaf: str) -> ast.expr | None:
    """Return what the cotangent `leaf` is multiplied by; None where that is no single factor."""
    if isinstance(tree, ast.Name) and tree.id == leaf:
        return ONE
    if isinstance(tree, ast.UnaryOp):
        inside = _factor(tree.operand, leaf)
        return inside and ast.UnaryOp(tree.op, inside)
    if isinstance(tree, ast.Call) and ast.unparse(tree.func) == "np.where":
        branches = [_factor(one, leaf) if _holds(one, leaf) else one for one in tree.args[1:]]
        condition, *rest = tree.args[0], *(one for one in branches if one is not None)
        fits = len(rest) == 2 and not _holds(condition, leaf)
        return ast.Call(tree.func, [condition, *rest], []) if fits else None
    if not isinstance(tree, ast.BinOp) or not isinstance(tree.op, (ast.Mult, ast.Div)):
        return None
    left, right = _holds(tree.left, leaf), _holds(tree.right, leaf)
    if left and not right:
        return _scaled(_factor(tree.left, leaf), tree.op, tree.right)
    if right and not left and isinstance(tree.op, ast.Mult):
        inside = _factor(tree.right, leaf)
        return tree.left if inside is ONE else inside and ast.BinOp(tree.left, tree.op, inside)
    return None


def _scaled(inside: ast.expr | None, sign: ast.operator, by: ast.expr) -> ast.expr | None:
    if inside is ONE and isinstance(sign, ast.Mult):
        return by
    return inside and ast.BinOp(inside, sign, by)


def _holds(tree: ast.AST, leaf: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == leaf for part in parts_of(tree))
