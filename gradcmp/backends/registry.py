"""Which backends there are: one line each, and whatever is installed under the entry point."""

from __future__ import annotations

from importlib import import_module

from gradcmp.backends.base import Backend
from gradcmp.errors import UsageError, did_you_mean

ENTRY_POINTS = "gradcmp.backends"

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
