"""The ops: one block each, grouped by kind; every module of this package registers its own."""

from importlib import import_module
from pkgutil import iter_modules

from gradcmp.dtypes.arrays import Array
from gradcmp.ops.spec import (
    OPS,
    ArraySpec,
    Booleans,
    Example,
    Integers,
    Interval,
    Op,
    Pullback,
    ShapeError,
    register,
)

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "OPS",
    "Array",
    "ArraySpec",
    "Booleans",
    "Example",
    "Integers",
    "Interval",
    "Op",
    "Pullback",
    "ShapeError",
    "register",
]
