"""A function of the user, found by its file or module and its name: ``kernels.py:Fused.apply``."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcmp.errors import BackendError, did_you_mean
from gradcmp.native.text.raised import raised, shown

FORM = "file.py:function, or package.module:function"


def split(source: str) -> tuple[str, str]:
    """Return the file or module, and the name in it.

    Raises
    ------
    BackendError
        When it is not of that form.
    """
    home, separator, name = source.rpartition(":")
    if not separator or not home or not all(part.isidentifier() for part in name.split(".")):
        raise BackendError(f"'{source}' does not name a function", way_out=f"Write {FORM}")
    return home, name


def load(source: str) -> Callable[..., Any]:
    """Import a file or module and return what it calls by that name; classes are instantiated.

    Its folder comes last among the places that imports look at, so that a file beside it can be
    imported, and stands for no module of anybody else.

    Raises
    ------
    BackendError
        When it cannot be imported, has no such name, or what has the name cannot be called.
    """
    home, name = split(source)
    module = _file(Path(home)) if home.endswith(".py") else _module(home)
    try:
        found = reduce(getattr, name.split("."), module)
    except AttributeError:
        names = [one for one in vars(module) if not one.startswith("_")]
        way_out = did_you_mean(name.split(".")[0], names)
        raise BackendError(f"'{home}' has no '{name}'", way_out=way_out) from None
    if inspect.isclass(found):
        found = _called(found, source)
    if not callable(found):
        raise BackendError(f"'{source}' is a {type(found).__name__}, which cannot be called")
    return found


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise BackendError(f"there is no file '{path}'", way_out=f"Write {FORM}")
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(f"gradcmp_user_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look there
    _called(lambda: spec.loader.exec_module(module), str(path))  # type: ignore[union-attr]
    return module


def _module(name: str) -> ModuleType:
    found: ModuleType = _called(lambda: importlib.import_module(name), name)
    return found


def _called(function: Callable[[], Any], what: str) -> Any:
    """Call what runs code of the user; what it raises is said with the place in that code."""
    try:
        return function()
    except Exception as error:
        shown(error)
        raise BackendError(f"'{what}' cannot be imported: {raised(error)}") from error
