"""The ops: one block each, in rooms by kind; every file of a room registers its own."""

from gradcmp.dtypes.arrays import Array
from gradcmp.ops import foreign  # noqa: F401  the ops of packages, after the rooms
from gradcmp.ops.registry import OPS, register
from gradcmp.ops.spec import (
    ArraySpec,
    Booleans,
    Example,
    Integers,
    Interval,
    Kink,
    Op,
    Pullback,
    ShapeError,
)

__all__ = [
    "OPS",
    "Array",
    "ArraySpec",
    "Booleans",
    "Example",
    "Integers",
    "Interval",
    "Kink",
    "Op",
    "Pullback",
    "ShapeError",
    "register",
]
