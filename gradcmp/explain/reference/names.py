"""What inputs, nodes and gradients are called in generated code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from string import ascii_lowercase

from gradcmp.graph import Graph
from gradcmp.graph.records import STEP

# What generated code calls something else: an input of that name gets another one.
TAKEN = (
    "np", "math", "hashlib", "cotangent", "inputs", "expected", "compare", "erf", "rng", "stored",
    "actual", "Path", "print", "float", "bool", "differences", "found",
)  # fmt: skip


@dataclass
class Names:
    """Identifiers, each given once.

    A step ``hidden/1`` is called ``hidden_1``, the gradient of X ``grad_X``; a name that is
    taken gets an underscore.
    """

    values: dict[str, str] = field(default_factory=dict)
    gradients: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=lambda: set(TAKEN))

    @classmethod
    def of(cls, graph: Graph, taken: Iterable[str] = ()) -> Names:
        """Name everything in a graph: first what the file names, as it names it.

        Parameters
        ----------
        taken : iterable of str
            What the code of frameworks calls its own.
        """
        names = cls(taken={*TAKEN, *taken})
        whole = [*graph.inputs, *(node.name for node in graph)]
        for name in sorted(whole, key=lambda name: STEP in name):
            names.values[name] = names.fresh(name.replace(STEP, "_"))
        for name in whole:
            names.gradients[name] = names.fresh(f"grad_{names.values[name]}")
        return names

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    def gradient(self, name: str) -> str:
        """Return what the gradient of an input or node is called."""
        return self.gradients[name]

    def fresh(self, wanted: str) -> str:
        """Return a name that nothing has yet, as near to `wanted` as can be."""
        while wanted in self.taken:
            wanted += "_"
        self.taken.add(wanted)
        return wanted

    def part(self, target: str) -> str:
        """Return a name for an intermediate value on the way to `target`: ``p_a``, ``p_b``."""
        for letter in ascii_lowercase:
            if f"{target}_{letter}" not in self.taken:
                return self.fresh(f"{target}_{letter}")
        return self.fresh(f"{target}_z")
