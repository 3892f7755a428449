"""Named expressions become a graph of ops, with shapes known before anything runs."""

from gradcmp.graph.bounds import require_bounds
from gradcmp.graph.build import build
from gradcmp.graph.infer import infer, require_gradient
from gradcmp.graph.records import Constant, Graph, Node, Operand
from gradcmp.graph.walk import Tape, backward, forward

__all__ = [
    "Constant",
    "Graph",
    "Node",
    "Operand",
    "Tape",
    "backward",
    "build",
    "forward",
    "infer",
    "require_bounds",
    "require_gradient",
]
