"""One expression in Python syntax becomes nodes. Parsed and whitelisted; never evaluated."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from gradcmp.case import Expression
from gradcmp.errors import GraphError, Location
from gradcmp.graph.aliases import CONSTANTS, LIBRARIES, METHOD, PARTS
from gradcmp.graph.calls import bind, form
from gradcmp.graph.literal import index_key, literal, number
from gradcmp.graph.names import LEADS, require_same, resolve
from gradcmp.graph.outside import WAY_OUT, outside, shorten
from gradcmp.graph.records import STEP, Constant, Node, Operand
from gradcmp.ops import OPS, Op

MAX_LENGTH = 20_000  # characters: far above any formula, far below what makes the parser slow
MAX_DEPTH = 200  # nested operators: below the depth at which Python's own parser gives up

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.MatMult: "matmul",
    ast.Mod: "remainder",
}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}


def parse(name: str, expression: Expression, known: Collection[str] = ()) -> tuple[Node, ...]:
    """Turn the expression of node `name` into nodes; the last one carries the name.

    Parameters
    ----------
    known : collection of str
        The names of inputs and nodes, which mean no library and no constant.

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
        lowering = _Lowering(name, where, known)
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

    def __init__(self, name: str, where: Location | None, known: Collection[str]) -> None:
        self.name = name
        self.where = where
        self.known = known
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
            raise outside(tree)
        return rule(self, tree, depth + 1)

    def constants(self) -> dict[str, float]:
        """Return the numbers that have a name, without those of which an input has it."""
        return {name: value for name, value in CONSTANTS.items() if name not in self.known}

    def _name(self, tree: ast.Name, depth: int) -> Operand:
        if tree.id.startswith("__"):
            raise outside(tree)
        if tree.id in CONSTANTS and tree.id not in self.known:
            return Constant(CONSTANTS[tree.id])
        return tree.id

    def _number(self, tree: ast.Constant, depth: int) -> Operand:
        if not isinstance(tree.value, (bool, int, float)):
            raise GraphError(f"{tree.value!r} stands where an array or a number is needed")
        return Constant(number(tree.value))

    def _unary(self, tree: ast.UnaryOp, depth: int) -> Operand:
        if isinstance(tree.op, ast.UAdd):
            return self.lower(tree.operand, depth)
        if not isinstance(tree.op, ast.USub):
            raise outside(tree)
        operand = self.lower(tree.operand, depth)
        if isinstance(operand, Constant):
            return Constant(-operand.value)
        return self.emit("negative", [operand])

    def _binary(self, tree: ast.BinOp, depth: int) -> Operand:
        op = BINARY.get(type(tree.op))
        if op is None or op not in OPS:
            raise outside(tree)
        return self.emit(op, [self.lower(tree.left, depth), self.lower(tree.right, depth)])

    def _compare(self, tree: ast.Compare, depth: int) -> Operand:
        if len(tree.ops) != 1 or type(tree.ops[0]) not in COMPARISONS:
            raise outside(tree)
        left, right = self.lower(tree.left, depth), self.lower(tree.comparators[0], depth)
        return self.emit(COMPARISONS[type(tree.ops[0])], [left, right])

    def _subscript(self, tree: ast.Subscript, depth: int) -> Operand:
        operand = self.lower(tree.value, depth)
        return self.emit("getitem", [operand], key=index_key(tree))

    def _attribute(self, tree: ast.Attribute, depth: int) -> Operand:
        """Read ``X.T``, and a constant of a library such as ``np.pi``."""
        if self._library(tree.value) and tree.attr in CONSTANTS:
            return Constant(CONSTANTS[tree.attr])
        if tree.attr == "T":
            return self.emit("transpose", [self.lower(tree.value, depth)])
        if isinstance(tree.value, ast.Call):  # a part of a result: svd(x).S
            self.lower(tree.value, depth)
        error = outside(tree)
        if tree.attr in LEADS:
            error.way_out = LEADS[tree.attr].out
        raise error

    def _call(self, tree: ast.Call, depth: int) -> Operand:
        called, library, call = self._called(tree)
        op = resolve(called, library)
        if library == METHOD and next(iter(op.signature.parameters)) != METHOD:
            raise GraphError(f"{op.name} is no method", way_out=f"Write {form(op)}")
        pairs = bind(op, called, call)
        require_same(called, library, {parameter for parameter, _ in pairs})
        given: dict[str, list[Operand]] = {}
        static: dict[str, Any] = {}
        for parameter, argument in pairs:
            if parameter in op.either and self._is_computed(argument):
                static[parameter] = ...
                given[parameter] = [self.lower(argument, depth)]
            elif parameter not in op.operands:
                what = f"{op.name}: '{parameter}'"
                static[parameter] = literal(argument, what, self.constants())
            elif not _is_left_out(op, parameter, argument):
                given.setdefault(parameter, []).append(self.lower(argument, depth))
        return self.emit(op.name, _in_place(op, given), **static)

    def _is_computed(self, tree: ast.expr) -> bool:
        """Whether an argument is no literal, with a sign or without."""
        bare = tree.operand if isinstance(tree, ast.UnaryOp) else tree
        named = isinstance(bare, ast.Name) and bare.id in self.constants()
        return not (named or isinstance(bare, (ast.Constant, ast.Tuple, ast.List)))

    def _called(self, tree: ast.Call) -> tuple[str, str, ast.Call]:
        """Return the name that is called, whose it is, and the call as that of a function."""
        if isinstance(tree.func, ast.Name):
            return tree.func.id, "", tree
        if not isinstance(tree.func, ast.Attribute) or tree.func.attr.startswith("_"):
            raise outside(tree.func, "cannot be called")
        if library := self._library(tree.func.value):
            return tree.func.attr, library, tree
        method = ast.Call(tree.func, [tree.func.value, *tree.args], tree.keywords)
        return tree.func.attr, METHOD, method

    def _library(self, tree: ast.expr) -> str:
        """Return the library that ``np``, or ``torch.nn.functional``, is; else nothing."""
        functional = False
        while isinstance(tree, ast.Attribute) and tree.attr in PARTS:
            functional = functional or tree.attr == "functional"
            tree = tree.value
        if not isinstance(tree, ast.Name) or tree.id in self.known:
            return ""
        return "torch" if functional else LIBRARIES.get(tree.id, "")


_RULES: dict[type[ast.expr], Callable[[_Lowering, Any, int], Operand]] = {
    ast.Name: _Lowering._name,
    ast.Constant: _Lowering._number,
    ast.UnaryOp: _Lowering._unary,
    ast.BinOp: _Lowering._binary,
    ast.Compare: _Lowering._compare,
    ast.Subscript: _Lowering._subscript,
    ast.Attribute: _Lowering._attribute,
    ast.Call: _Lowering._call,
}


def _in_place(op: Op, given: Mapping[str, list[Operand]]) -> list[Operand]:
    """Return the operands in the order of the parameters, None for each left out before others."""
    operands: list[Operand] = []
    for name, parameter in op.signature.parameters.items():
        if name in op.operands:
            several = parameter.kind is inspect.Parameter.VAR_POSITIONAL
            operands += given.get(name, [] if several else [None])
        elif name in op.either:
            operands += given.get(name, [])
    while operands and operands[-1] is None:
        operands.pop()
    return operands


def _is_left_out(op: Op, operand: str, argument: ast.expr) -> bool:
    """Whether an operand is None, as one may be that is None by default."""
    if not (isinstance(argument, ast.Constant) and argument.value is None):
        return False
    if op.signature.parameters[operand].default is not None:
        raise GraphError(f"{op.name}: '{operand}' is None, and must be an array or a number")
    return True
