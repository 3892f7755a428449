"""The files that a function of the user is made of: its own, and what that imports from beside it.

They are told from the text; nothing is imported for it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path


def files_of(source: str) -> tuple[str, ...]:
    """Return the files of ``kernels.py:rmsnorm`` or of ``package.module:rmsnorm``, its own first.

    A file that cannot be read has no imports; it is named all the same, since it may come back.
    """
    home = source.rpartition(":")[0]
    first = Path(home) if home.endswith(".py") else _module(home)
    if first is None:
        return ()
    found: dict[Path, None] = {}
    waiting = [first]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found[one] = None
        waiting.extend(_imported(one, first.parent))
    return tuple(map(str, found))


def _module(name: str) -> Path | None:
    """Return the file of a module; None of one that is not on the path, or is compiled."""
    top, *rest = name.split(".")
    spec = PathFinder.find_spec(top)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    return _file_of(Path(spec.origin).parent, rest) if rest else Path(spec.origin)


def _imported(file: Path, folder: Path) -> Iterator[Path]:
    """Yield the files that a file imports from its own folder, or from that of the first."""
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(0, one.name) for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [(node.level, module)] if module else []
            names += [(node.level, f"{module}.{one.name}".strip(".")) for one in node.names]
        else:
            continue
        for level, name in names:
            home = file.parents[level - 1] if level and level <= len(file.parents) else folder
            found = _file_of(home, name.split("."))
            if found is not None:
                yield found


def _file_of(folder: Path, parts: list[str]) -> Path | None:
    place = folder.joinpath(*parts)
    for found in (place.with_suffix(".py"), place / "__init__.py"):
        if found.is_file():
            return found
    return None


def forget(files: frozenset[str]) -> None:
    """Forget the modules that were imported from files, so that they are read anew."""
    known = {str(Path(file).resolve()) for file in files}
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and str(Path(file).resolve()) in known:
            del sys.modules[name]
