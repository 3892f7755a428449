"""Source text as syntax trees: values become literals, shared subtrees lines of their own."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import EllipsisType
from typing import Any

from gradcmp.ops import Array

WIDTH = 88  # characters of a line of generated code
TAB = "    "
AXES = ("axis", "dim")  # None is every library's default, unless axes are kept: torch then asks
KEEPS = ("keepdims", "keepdim")  # False is every library's default
WORTH_A_LINE = (ast.Call, ast.BinOp, ast.Subscript, ast.Compare)
PLAIN = (ast.Name, ast.Constant)  # as short as any name


def name(path: str) -> ast.expr:
    """Return the tree of a dotted name: ``np.exp``."""
    first, *rest = path.split(".")
    tree: ast.expr = ast.Name(first)
    for attribute in rest:
        tree = ast.Attribute(tree, attribute)
    return tree


def call(function: ast.expr, arguments: Iterable[ast.expr], **keywords: Any) -> ast.Call:
    """Return the tree of a call; keywords that say what every library's default says are left out.

    Parameters
    ----------
    **keywords
        Trees, or values that have a literal.
    """
    idle = {word for word in KEEPS if keywords.get(word) is False}
    if not any(keywords.get(word) for word in KEEPS):
        idle |= {word for word in AXES if keywords.get(word, 0) is None}
    written = [
        ast.keyword(word, value if isinstance(value, ast.expr) else literal(value))
        for word, value in keywords.items()
        if word not in idle
    ]
    return ast.Call(function, list(arguments), written)


def literal(value: object) -> ast.expr:
    """Return the tree of a number, text, True, None, a type, a slice, or a tuple or list of them.

    Raises
    ------
    TypeError
        For anything else, which has no literal.
    """
    if value is None or isinstance(value, (bool, int, str, EllipsisType)):
        return _number(value) if type(value) is int else ast.Constant(value)
    if isinstance(value, float):
        return _real(value)
    if isinstance(value, tuple):
        return ast.Tuple([literal(one) for one in value], ast.Load())
    if isinstance(value, list):
        return ast.List([literal(one) for one in value], ast.Load())
    if isinstance(value, slice):
        bounds = (value.start, value.stop, value.step)
        return ast.Slice(*(None if bound is None else literal(bound) for bound in bounds))
    if isinstance(value, type):
        return name(value.__name__ if value.__module__ == "builtins" else f"np.{value.__name__}")
    raise TypeError(f"{type(value).__name__} has no literal")


def bare(key: Any) -> Any:
    """Return the key of an index as people write it: without the tuple around a single part."""
    return key[0] if isinstance(key, tuple) and len(key) == 1 else key


def _number(value: int) -> ast.expr:
    return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)


def _real(value: float) -> ast.expr:
    if value != value:
        return name("np.nan")
    if str(value).startswith("-"):  # the sign of a zero counts
        return ast.UnaryOp(ast.USub(), _real(-value))
    return name("np.inf") if value == float("inf") else ast.Constant(value)


class Held(ast.Name):
    """Stands for an array that the code uses and no input determines: places, a mask.

    Attributes
    ----------
    array : array
    lines : tuple of str
        What makes it, to stand before its first use; empty until somebody has decided.
    """

    def __init__(self, array: Array) -> None:
        super().__init__("held")
        self.array = array
        self.lines: tuple[str, ...] = ()


class Listing:
    """Turns named trees into lines of code, in which nothing is computed twice.

    A tree that stands in several places, as one and the same object, gets a line and a name.

    Parameters
    ----------
    targets : mapping of str to tree
        In the order in which they are to be assigned.
    fresh : callable
        ``fresh(target)`` gives a new name for an intermediate value of `target`.
    """

    def __init__(self, targets: Mapping[str, ast.expr], fresh: Callable[[str], str]) -> None:
        self._targets = targets
        self._fresh = fresh
        self._names: dict[int, str] = {}
        self._held: set[str] = set()
        self._uses: Counter[int] = Counter()
        for tree in targets.values():
            self._count(tree)

    def lines(self, target: str) -> list[str]:
        """Return the lines that assign one target; each is asked for once, in order."""
        before: list[str] = []
        tree = self._targets[target]
        known = self._names.get(id(tree))
        text = known or pretty(self._inside(tree, target, before), len(target) + 3)
        if not isinstance(tree, PLAIN):
            self._names.setdefault(id(tree), target)
        return [*before, f"{target} = {text}"]

    def show(self, tree: ast.expr) -> str:
        """Write a tree with the names that its parts have by now."""
        return ast.unparse(self._known(tree))

    def _known(self, tree: Any) -> Any:
        if id(tree) in self._names:
            return ast.Name(self._names[id(tree)])
        return _copy(tree, self._known)

    def _count(self, tree: ast.AST) -> None:
        self._uses[id(tree)] += 1
        if self._uses[id(tree)] == 1:
            for child in ast.iter_child_nodes(tree):
                self._count(child)

    def _place(self, tree: Any, target: str, before: list[str]) -> Any:
        """Return a tree as it stands inside another one: itself, or the name of its line."""
        if isinstance(tree, Held):
            self._names[id(tree)] = tree.id
            before.extend(tree.lines if tree.id not in self._held else ())
            self._held.add(tree.id)
        if id(tree) in self._names:
            return ast.Name(self._names[id(tree)])
        if isinstance(tree, PLAIN):
            return tree
        if self._uses[id(tree)] > 1 and isinstance(tree, WORTH_A_LINE):
            inside = self._inside(tree, target, before)
            temporary = self._names[id(tree)] = self._fresh(target)
            before.append(f"{temporary} = {pretty(inside, len(temporary) + 3)}")
            return ast.Name(temporary)
        return self._inside(tree, target, before)

    def _inside(self, tree: Any, target: str, before: list[str]) -> Any:
        """Return a copy of a tree with its parts in place."""
        return _copy(tree, lambda part: self._place(part, target, before))


def _copy(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return a tree of the same kind whose parts are changed."""
    fields = {}
    for field, value in ast.iter_fields(tree):
        if isinstance(value, list):
            fields[field] = [change(one) if isinstance(one, ast.AST) else one for one in value]
        else:
            fields[field] = change(value) if isinstance(value, ast.AST) else value
    return type(tree)(**fields)


def pretty(tree: ast.expr, column: int = 0, indent: str = "") -> str:
    """Write a tree; a call or list that is too long for its line gets a line for each part."""
    text = ast.unparse(tree)
    parts, opening, closing = _parts(tree)
    if len(indent) + column + len(text) <= WIDTH or not parts:
        return text
    deeper = indent + TAB
    if isinstance(tree, ast.BinOp):
        terms = f"\n{deeper}+ ".join(pretty(part, 2, deeper) for _, part in parts)
        return f"(\n{deeper}{terms}\n{indent})"
    lines = [
        f"{deeper}{prefix}{pretty(part, len(prefix) + 1, deeper)},\n" for prefix, part in parts
    ]
    return f"{opening}\n{''.join(lines)}{indent}{closing}"


def _parts(tree: ast.expr) -> tuple[list[tuple[str, ast.expr]], str, str]:
    if isinstance(tree, ast.Call):
        parts = [("", one) for one in tree.args]
        parts += [(f"{word.arg}=", word.value) for word in tree.keywords]
        return parts, f"{ast.unparse(tree.func)}(", ")"
    if isinstance(tree, ast.List) and any(isinstance(one, ast.List) for one in tree.elts):
        return [("", one) for one in tree.elts], "[", "]"
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
        left = _parts(tree.left)[0] if isinstance(tree.left, ast.BinOp) else []
        return [*(left or [("", tree.left)]), ("", tree.right)], "(", ")"
    return [], "", ""


def parts_of(tree: ast.AST, seen: set[int] | None = None) -> Iterator[ast.AST]:
    """Walk a tree in which subtrees may be shared, each once; `seen` are those to leave out."""
    seen = set() if seen is None else seen
    stack = [tree]
    while stack:
        one = stack.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            stack.extend(ast.iter_child_nodes(one))
