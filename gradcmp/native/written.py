"""Which framework a function in a file is written for: told from the text, nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from gradcmp.errors import UsageError
from gradcmp.native.frameworks import FRAMEWORKS


def framework_in(source: str) -> str:
    """Return the framework of ``file.py:function``, by the imports that the function uses.

    Raises
    ------
    UsageError
        When there is no such file, no such function in it, or it could be of several frameworks.
    """
    home, _, name = source.rpartition(":")
    if not home.endswith(".py"):
        raise _unsure(source, "a module is not looked into")
    try:
        tree = ast.parse(Path(home).read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"'{home}' cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"'{home}' is not Python: {error}") from None
    packages = dict(_imports(tree))
    first = name.partition(".")[0]
    body = [one for one in tree.body if getattr(one, "name", None) == first]
    found = _frameworks(body[-1], packages) if body else set()
    found = found or {home for home in map(_home, packages.values()) if home}
    found = found - {"numpy"} or found
    if len(found) != 1:
        why = f"it uses {' and '.join(sorted(found))}" if found else "it imports none"
        raise _unsure(source, why)
    return found.pop()


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names that imports bind, each with the package that it is of."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                package = one.name.partition(".")[0]
                yield one.asname or package, package
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for one in node.names:
                yield one.asname or one.name, node.module.partition(".")[0]


def _frameworks(tree: ast.AST, packages: dict[str, str]) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return {home for name in names if (home := _home(packages.get(name, "")))}


def _home(package: str) -> str:
    for name, framework in FRAMEWORKS.items():
        if package in framework.modules:
            return name
    return ""


def _unsure(source: str, why: str) -> UsageError:
    return UsageError(
        f"what framework '{source}' is written for cannot be told: {why}",
        way_out=f"Write it before, as in torch={source}",
    )
