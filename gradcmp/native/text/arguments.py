"""How what a file calls by a name is called: told from the text."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

APPLY, CONTEXT = "apply", "setup_context"  # of an autograd.Function


@dataclass(frozen=True)
class Taken:
    """How something is called.

    Attributes
    ----------
    names : tuple of str
        The inputs that it takes, in its own order.
    by_place : bool
        Whether it takes no names: the ``apply`` of an `autograd.Function`.
    is_class : bool
        Whether it is to be made first, without arguments.
    """

    names: tuple[str, ...]
    by_place: bool = False
    is_class: bool = False


def taken_by(file: Path, name: str, inputs: Sequence[str]) -> Taken | None:
    """Return how ``Fused.apply`` or ``rmsnorm`` is called; None where the file does not say."""
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    first, _, rest = name.partition(".")
    node = next((one for one in tree.body if getattr(one, "name", None) == first), None)
    if not isinstance(node, ast.ClassDef):
        return None
    if not rest:
        return Taken(tuple(inputs), is_class=True)
    forward = _method(node, "forward")
    if rest != APPLY or forward is None:
        return None
    context = int(_method(node, CONTEXT) is None)
    known = [one.arg for one in (*forward.args.posonlyargs, *forward.args.args)][context:]
    return Taken(tuple(one for one in known if one in inputs), by_place=True)


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    found = (one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == name)
    return next(found, None)
