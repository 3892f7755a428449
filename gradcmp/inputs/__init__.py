"""Seeded arrays: each a function of the seed and its name, never of order or company."""

from gradcmp.inputs.draw import check, cotangent, draw, require_whole, round_to, specs
from gradcmp.inputs.kinds import KINDS, Kind
from gradcmp.inputs.memory import require_memory

__all__ = [
    "KINDS",
    "Kind",
    "check",
    "cotangent",
    "draw",
    "require_memory",
    "require_whole",
    "round_to",
    "specs",
]
