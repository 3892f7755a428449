"""The adapters, by name. Importing this package imports no framework, and no NumPy either.

The names of an adapter's own code are imported when they are first used, as in `gradcmp` itself:
the parent asks for the order of starting before it loads NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradcmp.backends.registry import (
    backend_class,
    backend_names,
    idioms,
    import_adapter,
    import_rank,
)

if TYPE_CHECKING:
    from gradcmp.backends.base import Backend
    from gradcmp.backends.idiom import Cell, Idiom, Outline
    from gradcmp.backends.job import Computed, Job, Signature

_HOMES = {
    "gradcmp.backends.base": ("Backend",),
    "gradcmp.backends.idiom": ("Cell", "Idiom", "Outline"),
    "gradcmp.backends.job": ("Computed", "Job", "Signature"),
}

__all__ = [
    "Backend",
    "Cell",
    "Computed",
    "Idiom",
    "Job",
    "Outline",
    "Signature",
    "backend_class",
    "backend_names",
    "idioms",
    "import_adapter",
    "import_rank",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'gradcmp.backends' has no attribute '{name}'")
