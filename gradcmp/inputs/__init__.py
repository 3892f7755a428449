"""Seeded arrays: each a function of the seed and its name, never of order or company."""

from gradcmp.inputs.draw import check, cotangent, draw, require_whole, round_to, specs
from gradcmp.inputs.kinds import EDGE, KINDS, SYMMETRIC, Kind, own
from gradcmp.inputs.memory import require_memory
from gradcmp.inputs.symmetric import reads_of, symmetric_inputs

__all__ = [
    "EDGE",
    "KINDS",
    "SYMMETRIC",
    "Kind",
    "check",
    "cotangent",
    "draw",
    "own",
    "reads_of",
    "require_memory",
    "require_whole",
    "round_to",
    "specs",
    "symmetric_inputs",
]
