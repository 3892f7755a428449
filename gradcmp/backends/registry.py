"""Which backends there are: one line each, and whatever is installed under the entry point."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from gradcmp.case import REFERENCE
from gradcmp.errors import GradcmpError, UsageError, did_you_mean

if TYPE_CHECKING:
    from gradcmp.backends.base import Backend

ENTRY_POINTS = "gradcmp.backends"

# Behind the reference in the order in which processes start: the slowest to import first. It is
# told by the lines, since an adapter itself loads NumPy, which takes longer than starting them.
BUILT_IN = {
    "numpy": "gradcmp.backends.numpy:NumpyBackend",
    "tensorflow": "gradcmp.backends.tensorflow:TensorflowBackend",
    "torch": "gradcmp.backends.torch:TorchBackend",
    "jax": "gradcmp.backends.jax:JaxBackend",
}


def _places() -> dict[str, str]:
    from importlib.metadata import entry_points  # slow to load, and rarely needed

    foreign = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
    return {**BUILT_IN, **{name: foreign[name] for name in foreign if name not in BUILT_IN}}


def backend_names() -> tuple[str, ...]:
    """Return the names of all backends, the built-in ones first."""
    return tuple(_places())


def import_rank(name: str) -> int:
    """Return a backend's place in the order of starting; the reference and plug-ins come last."""
    frameworks = [known for known in BUILT_IN if known != REFERENCE]
    return frameworks.index(name) if name in frameworks else len(frameworks)


def backend_class(name: str) -> type[Backend]:
    """Return the adapter of a backend; its framework is not imported.

    Raises
    ------
    UsageError
        When there is no such backend.
    """
    place = BUILT_IN.get(name) or _places().get(name)
    if place is None:
        raise UsageError(
            f"there is no backend '{name}'", way_out=did_you_mean(name, backend_names())
        )
    module, _, attribute = place.partition(":")
    adapter: type[Backend] = getattr(import_module(module), attribute)
    return adapter


def adapters() -> dict[str, type[Backend]]:
    """Return all adapters by name; a plug-in that is broken offers nothing."""
    found: dict[str, type[Backend]] = {}
    for name in backend_names():
        with suppress(ImportError, GradcmpError):
            found[name] = backend_class(name)
    return found
