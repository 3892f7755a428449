"""The part of a file that some of its functions need: what can stand alone elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OWN = "gradcmp"  # whose taps do nothing outside of a run


@dataclass(frozen=True)
class Slice:
    """Statements of a file that can stand alone.

    Attributes
    ----------
    text : str
        As they are written there, in their order.
    names : set of str
        What they define.
    taps : bool
        Whether they name gradcmp, whose import is left out.
    """

    text: str
    names: frozenset[str]
    taps: bool


def slice_of(file: Path, names: Sequence[str]) -> Slice | None:
    """Return the statements at the top of a file that functions and classes of these names need.

    Returns
    -------
    Slice or None
        None where they do not stand alone: they need a file beside their own, or what is bound in
        a branch or by a star, or the file does something when it is imported.
    """
    try:
        text = file.read_text("utf-8")
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return None
    if any(map(_acts, tree.body)):
        return None
    homes = {name: node for node in tree.body for name in _bound(node)}
    needed: dict[ast.stmt, None] = {}
    waiting = [*names]
    while waiting:
        node = homes.get(waiting.pop())
        if node is None or node in needed:
            continue
        if not _stands_alone(node, file.parent):
            return None
        needed[node] = None
        waiting += [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]
    if not all(homes.get(name) in needed for name in names):
        return None
    chosen = [node for node in tree.body if node in needed or _is_future(node)]
    own = [node for node in chosen if _imports_own(node)]
    parts = _parted([(node, _source(text, node)) for node in chosen if node not in own])
    defined = {name for node in chosen if not _is_import(node) for name in _bound(node)}
    return Slice(parts, frozenset(defined), bool(own))


def _parted(parts: Sequence[tuple[ast.stmt, str]]) -> str:
    """Return statements one below the other, two empty lines around what has a body."""
    lines = ""
    before: ast.stmt | None = None
    for node, text in parts:
        if before is not None:
            lines += "\n" * (3 if hasattr(node, "body") or hasattr(before, "body") else 1)
        lines, before = lines + text, node
    return lines


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at the top binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for one in node.names:
            yield one.asname or one.name.partition(".")[0]
    else:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id


def _acts(node: ast.stmt) -> bool:
    """Whether a statement does something besides binding names: a call, or a star."""
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    return isinstance(node, ast.ImportFrom) and any(one.name == "*" for one in node.names)


def _stands_alone(node: ast.stmt, folder: Path) -> bool:
    if isinstance(node, ast.Import):
        return not any(_lies_in(one.name, folder) for one in node.names)
    if isinstance(node, ast.ImportFrom):
        return not node.level and not _lies_in(node.module or "", folder)
    plain = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
    return isinstance(node, plain)


def _lies_in(module: str, folder: Path) -> bool:
    first = folder / module.partition(".")[0]
    return first.with_suffix(".py").is_file() or first.is_dir()


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _imports_own(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return any(one.name.partition(".")[0] == OWN for one in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == OWN


def _source(text: str, node: ast.stmt) -> str:
    """Return a statement as it is written, its decorators with it."""
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
