"""Which backends there are: one line each, and whatever is installed under the entry point."""

from __future__ import annotations

from importlib import import_module

from gradcmp.backends.base import Backend
from gradcmp.backends.foreign import foreign_class
from gradcmp.errors import UsageError, did_you_mean

GROUP = "gradcmp.backends"  # of entry points

BUILT_IN = {
    "numpy": "gradcmp.backends.numpy:NumpyBackend",
    "tensorflow": "gradcmp.backends.tensorflow:TensorflowBackend",
    "torch": "gradcmp.backends.torch:TorchBackend",
    "jax": "gradcmp.backends.jax:JaxBackend",
}


def _places() -> dict[str, str]:
    return {**_foreign(), **BUILT_IN}


def _foreign() -> dict[str, str]:
    """Return what packages say that they bring; one that cannot be read brings nothing."""
    from importlib.metadata import distributions  # slow to load, and rarely needed

    found: dict[str, str] = {}
    for distribution in distributions():
        try:
            points = [
                (one.name, one.value) for one in distribution.entry_points.select(group=GROUP)
            ]
        except Exception:  # noqa: BLE001  a stranger's file, read by Python's own library
            continue
        found = {**dict(points), **found}  # the first on the path is the one that is imported
    return found


def backend_names() -> tuple[str, ...]:
    """Return the names of all backends, the built-in ones first."""
    return tuple(dict.fromkeys([*BUILT_IN, *_places()]))


def backend_class(name: str) -> type[Backend]:
    """Return what is known of a backend; neither a framework nor a plug-in is imported.

    For a plug-in that is its name alone (`Foreign`): what it is made of is imported where it
    cannot do harm, in its worker.

    Raises
    ------
    UsageError
        When there is no such backend.
    """
    return import_adapter(name) if name in BUILT_IN else foreign_class(name, _place(name))


def import_adapter(name: str) -> type[Backend]:
    """Return the adapter of a backend, importing a plug-in's code; its framework is not imported.

    Raises
    ------
    UsageError
        When there is no such backend, or a plug-in's entry point names nothing that is one.
    Exception
        Whatever a plug-in's code raises.
    """
    place = _place(name)
    module, _, attribute = place.partition(":")
    adapter = getattr(import_module(module), attribute, None)
    if not (isinstance(adapter, type) and issubclass(adapter, Backend)):
        raise UsageError(
            f"the entry point of backend '{name}' is '{place}', which is not a Backend"
        )
    return adapter


def _place(name: str) -> str:
    place = BUILT_IN.get(name) or _places().get(name)
    if place is None:
        raise UsageError(
            f"there is no backend '{name}'", way_out=did_you_mean(name, backend_names())
        )
    return place
