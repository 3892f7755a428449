"""Seeded arrays: each a function of the seed and its name, never of order or company."""

from gradcmp.inputs.draw import check, cotangent, draw, require_whole, round_to, specs
from gradcmp.inputs.kinds import EDGE, KINDS, Kind, own
from gradcmp.inputs.memory import require_memory

__all__ = [
    "EDGE",
    "KINDS",
    "Kind",
    "check",
    "cotangent",
    "draw",
    "own",
    "require_memory",
    "require_whole",
    "round_to",
    "specs",
]
