"""The registry: all ops by name, and how far implementations of their primitives stray."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeAlias

from gradcmp.ops.spec import Op, Primitive

Load: TypeAlias = Callable[[], Iterable[str]]

# In the order in which they are searched for an op: those of most graphs first.
ROOMS = (
    "elementwise",
    "activations",
    "reductions",
    "layout",
    "linalg",
    "nn",
    "losses",
    "images",
    "complexes",
)


class Registry(Mapping[str, Op]):
    """All ops by name; those of one file stand together, in its order.

    Files of ops are loaded room by room when a name is asked for that is not there yet, and those
    of packages last; who walks through the registry sees all.

    Attributes
    ----------
    broken : tuple of str
        A sentence for each package whose ops could not be loaded.
    over_complex : dict of str to Op
        Ops of complex numbers alone: found by name, and not met by who walks, since no real array
        can be handed to them.
    """

    def __init__(self) -> None:
        self._ops: dict[str, Op] = {}
        self.over_complex: dict[str, Op] = {}
        self._noise: dict[Primitive, float] = {}
        self._later: list[Load] = []
        self.broken: tuple[str, ...] = ()

    def register(self, op: Op) -> Op:
        """Add `op`; a name is taken once, and of a primitive the first noise counts."""
        self._require_new(op)
        self._ops[op.name] = op
        self._noise = {**op.noise, **self._noise}
        return op

    def register_complex(self, op: Op) -> Op:
        """Add an op of complex numbers alone."""
        self._require_new(op)
        self.over_complex[op.name] = op
        return op

    def _require_new(self, op: Op) -> None:
        if op.name in self._ops or op.name in self.over_complex:
            raise ValueError(f"op '{op.name}' is registered twice")

    def noise(self, primitive: Primitive) -> float | None:
        """Return how far implementations of a primitive stray, as the op that uses it says."""
        while primitive not in self._noise and self._load_more():
            pass
        return self._noise.get(primitive)

    def later(self, load: Load) -> None:
        """Load more when a name is missing; `load` registers ops and says what is broken."""
        self._later.append(load)

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """Register all that is registered inside, or nothing if that raises."""
        self._load_all()  # first: what a room registers meanwhile is not taken back
        before = dict(self._ops), dict(self._noise)
        try:
            yield
        except BaseException:
            self._ops, self._noise = before
            raise

    def everything(self) -> list[Op]:
        """Return all ops, those of complex numbers alone at the end."""
        return [*self.values(), *self.over_complex.values()]

    def _load_all(self) -> None:
        while self._load_more():
            pass

    def _load_more(self) -> bool:
        if not self._later:
            return False
        load = self._later.pop(0)  # first: what is loaded may ask for ops, too
        broken = tuple(load())
        self.broken += broken
        return True

    def __getitem__(self, name: str) -> Op:
        while name not in self._ops and name not in self.over_complex and self._load_more():
            pass
        return self.over_complex[name] if name in self.over_complex else self._ops[name]

    def __iter__(self) -> Iterator[str]:
        self._load_all()
        # Not as they came: which file was loaded first depends on who asked for what.
        return iter(sorted(self._ops, key=lambda name: self._ops[name].reference.__module__))

    def __len__(self) -> int:
        self._load_all()
        return len(self._ops)


def _load(room: str) -> tuple[str, ...]:
    """Import every file of a room, each of which registers its own ops; none can be broken."""
    package = import_module(f"gradcmp.ops.{room}")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return ()


OPS = Registry()
for _room in ROOMS:
    OPS.later(partial(_load, _room))
register = OPS.register
register_complex = OPS.register_complex
