"""Which framework a function is written for, told without importing any."""

from __future__ import annotations

import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from gradcmp.backends import backend_class
from gradcmp.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Framework:
    """How functions of a framework are known, and who runs them.

    Attributes
    ----------
    engine : str
        The module whose `prepare` makes a `Side` of a function.
    modules : tuple of str
        The packages that such functions use; the first is the framework itself.
    has_layouts : bool
        Whether functions see how the elements of an array lie in memory.
    """

    engine: str
    modules: tuple[str, ...]
    has_layouts: bool = False


FRAMEWORKS: Mapping[str, Framework] = {
    "torch": Framework("gradcmp.native.torch.engine", ("torch", "torchvision"), has_layouts=True),
    "tensorflow": Framework("gradcmp.native.tensorflow.engine", ("tensorflow", "keras")),
    "jax": Framework("gradcmp.native.jax.engine", ("jax", "jaxlib", "flax", "equinox", "optax")),
    "numpy": Framework("gradcmp.native.numpy.engine", ("numpy", "scipy")),
}


def modes_of(framework: str) -> tuple[str, ...]:
    """Return the modes in which functions of a framework are run, the default first."""
    adapter = backend_class(framework)
    return (adapter.modes[0], *adapter.adds)


def named_by(label: str) -> tuple[str, str]:
    """Return the framework and the mode that a label names: ``torch:compile``; else nothing."""
    framework, _, mode = label.partition(":")
    if framework not in FRAMEWORKS or (mode and mode not in modes_of(framework)):
        return "", ""
    return framework, mode


def engine(framework: str) -> Any:
    """Return the module that runs functions of a framework, which imports it.

    Raises
    ------
    UsageError
        For a framework that there is none for.
    """
    if framework not in FRAMEWORKS:
        raise UsageError(
            f"there is no framework '{framework}'", way_out=did_you_mean(framework, FRAMEWORKS)
        )
    return import_module(FRAMEWORKS[framework].engine)


def framework_of(function: Callable[..., Any], label: str) -> str:
    """Return the framework that a function is written for.

    By what it is (a module, a layer, a compiled function), then by its label, then by the packages
    that its code and the functions around it name. NumPy is the last to be thought of: functions of
    the others use it, too.

    Raises
    ------
    UsageError
        When nothing tells, or several could be.
    """
    home = _framework_by_class(function)
    if home:
        return home
    if told := named_by(label)[0]:
        return told
    named: set[str] = set()
    for everywhere in (False, True):
        if not named - {"numpy"}:
            named |= {
                name
                for package in _packages(function, everywhere)
                for name in _frameworks_with(package)
            }
    found = named - {"numpy"} or named
    if len(found) == 1:
        return found.pop()
    several = f"it uses {' and '.join(sorted(found))}" if found else "it names none"
    raise UsageError(
        f"what framework '{label}' is written for cannot be told: {several}",
        way_out="Call it 'torch', 'tensorflow', 'jax' or 'numpy', or give framework=",
    )


def _framework_by_class(function: Callable[..., Any]) -> str:
    while isinstance(function, partial):
        function = function.func
    owner = getattr(function, "__self__", function)
    kind = owner if isinstance(owner, type) else type(owner)
    for base in kind.__mro__:
        for name in _frameworks_with(base.__module__.partition(".")[0]):
            if name != "numpy":
                return name
    return ""


def _frameworks_with(package: str) -> Iterator[str]:
    for name, framework in FRAMEWORKS.items():
        if package in framework.modules:
            yield name


def _packages(function: Callable[..., Any], everywhere: bool) -> Iterator[str]:
    """Yield the packages that a function's code names, and those of the functions that it calls.

    Parameters
    ----------
    everywhere : bool
        Whether functions of other modules are looked into, those of installed packages left out.
    """
    seen: set[int] = set()
    waiting: list[Any] = [function]
    while waiting:
        one = waiting.pop()
        one = getattr(one, "__wrapped__", None) or getattr(one, "func", None) or one
        code = getattr(one, "__code__", None) or getattr(
            getattr(one, "__func__", None), "__code__", None
        )
        if code is None or id(code) in seen:
            continue
        seen.add(id(code))
        own = getattr(one, "__module__", None)
        for value in _values(one, code):
            if isinstance(value, types.ModuleType):
                yield value.__name__.partition(".")[0]
            elif callable(value):
                home = getattr(value, "__module__", None) or ""
                yield home.partition(".")[0]
                yield FRAMEWORKS[told].modules[0] if (told := _framework_by_class(value)) else ""
                if home == own or (everywhere and not _is_installed(home)):
                    waiting.append(value)
        yield from (n for n in _imported(code) if n in sys.modules)


def _values(function: Any, code: types.CodeType) -> Iterator[Any]:
    """Yield what a function's code names: in its module, around it, and in modules of the user."""
    names = {*_names(code)}
    scope = getattr(function, "__globals__", {})
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    for value in (*(scope[name] for name in _names(code) if name in scope), *cells):
        yield value
        if isinstance(value, types.ModuleType) and not _is_installed(value.__name__):
            yield from (held for name, held in vars(value).items() if name in names)


def _is_installed(module: str) -> bool:
    """Whether a module is of Python or an installed package, and not of the user."""
    file = getattr(sys.modules.get(module), "__file__", None)
    folders = (sysconfig.get_path(name) for name in ("stdlib", "platlib", "purelib"))
    return file is None or any(Path(file).is_relative_to(folder) for folder in folders)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _imported(code: types.CodeType) -> Iterator[str]:
    """Yield what is imported inside of a function."""
    for name in _names(code):
        package = name.partition(".")[0]
        if any(package in framework.modules for framework in FRAMEWORKS.values()):
            yield package
