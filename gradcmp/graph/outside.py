"""What is Python and not part of the language, and what to write instead."""

from __future__ import annotations

import ast

from gradcmp.errors import GraphError

WAY_OUT = "Write names, numbers, + - * / ** @, comparisons, calls of ops, indexing and slicing"
AND = "Write where(p, q, False)"
OR = "Write where(p, True, q)"
NOT = "Write where(p, False, True)"

# By the type of the node, or of its operator.
WAYS_OUT: dict[type[ast.AST], str] = {
    ast.BitXor: "Write x ** 2 for a power",
    ast.BitAnd: AND,
    ast.And: AND,
    ast.BitOr: OR,
    ast.Or: OR,
    ast.Invert: NOT,
    ast.Not: NOT,
    ast.FloorDiv: "Write x / y, whose gradient is not zero everywhere",
    ast.IfExp: "Write where(condition, x, y)",
    ast.Compare: "Compare two operands with one of > >= < <= == !=",
    ast.List: "Write stack([x, y]) or concat([x, y])",
    ast.Tuple: "Write stack([x, y]) or concat([x, y])",
}
NAMES: dict[type[ast.AST], str] = {
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


def outside(tree: ast.expr, what: str = "is not part of the language") -> GraphError:
    """Return the error of an expression that is Python, and of no meaning here."""
    kind = getattr(tree, "op", tree).__class__
    return GraphError(f"{describe(tree)} {what}", way_out=WAYS_OUT.get(kind, WAY_OUT))


def describe(tree: ast.expr) -> str:
    """Return what an expression is, and its text."""
    text = shorten(ast.unparse(tree))
    return f"{NAMES[type(tree)]} ('{text}')" if type(tree) in NAMES else f"'{text}'"


def shorten(text: str, limit: int = 60) -> str:
    """Return a text on one line, cut off where it would swamp a message."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
