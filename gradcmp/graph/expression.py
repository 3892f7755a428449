"""One expression in Python syntax becomes nodes. Parsed and whitelisted; never evaluated."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from gradcmp.case import Expression
from gradcmp.errors import GraphError, Location, did_you_mean
from gradcmp.graph.literal import index_key, literal, shorten
from gradcmp.graph.records import STEP, Constant, Node, Operand
from gradcmp.ops import OPS, Op

MAX_LENGTH = 20_000  # characters: far above any formula, far below what makes the parser slow
MAX_NUMBER = 10**300  # fits into a float64
MAX_DEPTH = 200  # nested operators: below the depth at which Python's own parser gives up

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.MatMult: "matmul",
}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}
WAY_OUT = "Write names, numbers, + - * / ** @, comparisons, calls of ops, indexing and slicing"


def parse(name: str, expression: Expression) -> tuple[Node, ...]:
    """Turn the expression of node `name` into nodes; the last one carries the name.

    Raises
    ------
    GraphError
        For anything outside the whitelist, with the place and the way out.
    """
    where = expression.where
    try:
        if len(expression.text) > MAX_LENGTH:
            raise GraphError(f"the expression is longer than {MAX_LENGTH} characters")
        tree = ast.parse(expression.text.strip(), mode="eval").body
        lowering = _Lowering(name, where)
        return lowering.finish(lowering.lower(tree, 0))
    except GraphError as error:
        error.fact = f"node '{name}': {error.fact}"
        raise error.at(where) from None
    except SyntaxError as error:
        raise GraphError(
            f"node '{name}': cannot read '{shorten(expression.text)}': {error.msg}",
            where=where,
            way_out=WAY_OUT,
        ) from None
    except (MemoryError, RecursionError, ValueError):  # the parser's own limits, null bytes
        raise GraphError(
            f"node '{name}': '{shorten(expression.text)}' is not an expression of Python",
            where=where,
            way_out=WAY_OUT,
        ) from None


class _Lowering:
    """Collects the nodes of one expression, innermost first."""

    def __init__(self, name: str, where: Location | None) -> None:
        self.name = name
        self.where = where
        self.nodes: list[Node] = []

    def finish(self, operand: Operand) -> tuple[Node, ...]:
        """Return the nodes, the last of which takes the name from the file."""
        if not self.nodes or operand != self.nodes[-1].name:
            raise GraphError(
                "the expression computes nothing", way_out="Use the name itself, or apply an op"
            )
        last = self.nodes[-1]
        named = Node(self.name, last.op, last.operands, last.static, last.where)
        return (*self.nodes[:-1], named)

    def emit(self, op: str, operands: Iterable[Operand], **static: Any) -> str:
        node = Node(
            f"{self.name}{STEP}{len(self.nodes) + 1}", op, tuple(operands), static, self.where
        )
        self.nodes.append(node)
        return node.name

    def lower(self, tree: ast.expr, depth: int) -> Operand:
        if depth > MAX_DEPTH:
            raise GraphError(f"the expression is nested deeper than {MAX_DEPTH} levels")
        rule = _RULES.get(type(tree))
        if rule is None:
            raise GraphError(f"{_describe(tree)} is not part of the language", way_out=WAY_OUT)
        return rule(self, tree, depth + 1)

    def _name(self, tree: ast.Name, depth: int) -> Operand:
        if tree.id.startswith("__"):
            raise GraphError(f"'{tree.id}' is not part of the language", way_out=WAY_OUT)
        return tree.id

    def _number(self, tree: ast.Constant, depth: int) -> Operand:
        if not isinstance(tree.value, (bool, int, float)):
            raise GraphError(f"{tree.value!r} stands where an array or a number is needed")
        if isinstance(tree.value, int) and tree.value > MAX_NUMBER:
            raise GraphError("a number has more than 300 digits")
        return Constant(tree.value)

    def _unary(self, tree: ast.UnaryOp, depth: int) -> Operand:
        if isinstance(tree.op, ast.UAdd):
            return self.lower(tree.operand, depth)
        if not isinstance(tree.op, ast.USub):
            raise GraphError(f"{_describe(tree)} is not part of the language", way_out=WAY_OUT)
        operand = self.lower(tree.operand, depth)
        if isinstance(operand, Constant):
            return Constant(-operand.value)
        return self.emit("negative", [operand])

    def _binary(self, tree: ast.BinOp, depth: int) -> Operand:
        op = BINARY.get(type(tree.op))
        if op is None:
            raise GraphError(f"{_describe(tree)} is not part of the language", way_out=WAY_OUT)
        return self.emit(op, [self.lower(tree.left, depth), self.lower(tree.right, depth)])

    def _compare(self, tree: ast.Compare, depth: int) -> Operand:
        if len(tree.ops) != 1 or type(tree.ops[0]) not in COMPARISONS:
            raise GraphError(
                f"{_describe(tree)} is not part of the language",
                way_out="Compare two operands with one of > >= < <= == !=",
            )
        left, right = self.lower(tree.left, depth), self.lower(tree.comparators[0], depth)
        return self.emit(COMPARISONS[type(tree.ops[0])], [left, right])

    def _subscript(self, tree: ast.Subscript, depth: int) -> Operand:
        operand = self.lower(tree.value, depth)
        return self.emit("getitem", [operand], key=index_key(tree.slice))

    def _call(self, tree: ast.Call, depth: int) -> Operand:
        if not isinstance(tree.func, ast.Name):
            raise GraphError(f"{_describe(tree.func)} cannot be called", way_out=WAY_OUT)
        op = OPS.get(tree.func.id)
        if op is None or op.name == "getitem":
            raise GraphError(
                ", and ".join([f"there is no op '{tree.func.id}'", *OPS.broken]),
                way_out=did_you_mean(tree.func.id, OPS) or "See them with: gradcmp ops",
            )
        operands: list[Operand] = []
        static: dict[str, Any] = {}
        for parameter, argument in _bind(op, tree):
            if parameter in op.either and not _is_constant(argument):
                static[parameter] = ...
                operands.append(self.lower(argument, depth))
            elif parameter not in op.operands:
                static[parameter] = literal(argument, f"{op.name}: '{parameter}'")
            elif not _is_left_out(op, parameter, argument):
                operands.append(self.lower(argument, depth))
        return self.emit(op.name, operands, **static)


_RULES: dict[type[ast.expr], Callable[[_Lowering, Any, int], Operand]] = {
    ast.Name: _Lowering._name,
    ast.Constant: _Lowering._number,
    ast.UnaryOp: _Lowering._unary,
    ast.BinOp: _Lowering._binary,
    ast.Compare: _Lowering._compare,
    ast.Subscript: _Lowering._subscript,
    ast.Call: _Lowering._call,
}


def _bind(op: Op, call: ast.Call) -> list[tuple[str, ast.expr]]:
    """Match arguments with the reference's parameters, in the order of the parameters."""
    for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
        if isinstance(argument, ast.Starred):
            raise GraphError(f"{_describe(argument)} is not part of the language", way_out=WAY_OUT)
    if any(keyword.arg is None for keyword in call.keywords):
        raise GraphError("'**' in a call is not part of the language", way_out=WAY_OUT)
    keywords: dict[str, ast.expr] = {}
    for keyword in call.keywords:
        word = str(keyword.arg)
        if word in keywords:
            raise GraphError(f"{op.name}: '{word}' is given twice")
        keywords[word] = keyword.value
        if word not in op.signature.parameters:
            raise GraphError(
                f"{op.name} has no argument '{word}'",
                way_out=did_you_mean(word, op.signature.parameters),
            )
    try:
        bound = op.signature.bind(*call.args, **keywords)
    except TypeError as error:
        raise GraphError(f"{op.name}: {error}", way_out=f"Its form is {form(op)}") from None
    pairs: list[tuple[str, ast.expr]] = []
    for name, argument in bound.arguments.items():
        if op.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            listed = len(argument) == 1 and isinstance(argument[0], (ast.List, ast.Tuple))
            pairs += [(name, one) for one in (argument[0].elts if listed else argument)]
        else:
            pairs.append((name, argument))
    return pairs


def _is_constant(tree: ast.expr) -> bool:
    """Whether an argument is a number with its sign, a string, True, False or None."""
    return isinstance(tree.operand if isinstance(tree, ast.UnaryOp) else tree, ast.Constant)


def _is_left_out(op: Op, operand: str, argument: ast.expr) -> bool:
    """Whether an operand is None, as one may be that is None by default."""
    if not (isinstance(argument, ast.Constant) and argument.value is None):
        return False
    if op.signature.parameters[operand].default is not None:
        raise GraphError(f"{op.name}: '{operand}' is None, and must be an array or a number")
    return True


def form(op: Op) -> str:
    """Return the call syntax of an op: ``sum(x, axis=None, keepdims=False)``."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in op.signature.parameters.values()
    ]
    return f"{op.name}{inspect.Signature(parameters)}"


_NAMES = {
    ast.Attribute: "an attribute",
    ast.Lambda: "a lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.IfExp: "an if expression",
    ast.BoolOp: "'and' or 'or'",
    ast.NamedExpr: "an assignment",
    ast.JoinedStr: "an f-string",
    ast.Starred: "a starred argument",
    ast.Await: "await",
}


def _describe(tree: ast.expr) -> str:
    text = shorten(ast.unparse(tree))
    return f"{_NAMES[type(tree)]} ('{text}')" if type(tree) in _NAMES else f"'{text}'"
