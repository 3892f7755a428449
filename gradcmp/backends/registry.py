"""Which backends there are: one line each, and whatever is installed under the entry point."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from gradcmp.case import REFERENCE
from gradcmp.errors import BackendError, GradcmpError, UsageError, did_you_mean

if TYPE_CHECKING:
    from gradcmp.backends.base import Backend
    from gradcmp.backends.idiom import Idiom

GROUP = "gradcmp.backends"  # of entry points

# Behind the reference in the order in which processes start: the slowest to import first. It is
# told by the lines, since an adapter itself loads NumPy, which takes longer than starting them.
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


def import_rank(name: str) -> int:
    """Return a backend's place in the order of starting; the reference and plug-ins come last."""
    frameworks = [known for known in BUILT_IN if known != REFERENCE]
    return frameworks.index(name) if name in frameworks else len(frameworks)


def backend_class(name: str) -> type[Backend]:
    """Return what is known of a backend; neither a framework nor a plug-in is imported.

    For a plug-in that is its name alone (`Foreign`): what it is made of is imported where it
    cannot do harm, in its worker.

    Raises
    ------
    UsageError
        When there is no such backend.
    """
    if name in BUILT_IN:
        return import_adapter(name)
    from gradcmp.backends.foreign import foreign_class  # loads NumPy, like every adapter

    return foreign_class(name, _place(name))


def import_adapter(name: str) -> type[Backend]:
    """Return the adapter of a backend, importing a plug-in's code; its framework is not imported.

    Raises
    ------
    UsageError
        When there is no such backend, or a plug-in's entry point names nothing that is one.
    Exception
        Whatever a plug-in's code raises.
    """
    from gradcmp.backends.base import Backend

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


def idioms(wanted: Iterable[str] = ()) -> dict[str, Idiom]:
    """Return how frameworks are written: built-in ones, and those plug-ins that are wanted.

    Raises
    ------
    BackendError
        When a plug-in that is wanted cannot be imported.
    """
    found: dict[str, Idiom] = {}
    for name in dict.fromkeys([*BUILT_IN, *wanted]):
        try:
            idiom = import_adapter(name).idiom
        except (Exception, SystemExit) as error:
            if isinstance(error, GradcmpError):
                raise
            fact = f"the adapter of backend '{name}' cannot be imported"
            raise BackendError(f"{fact}: {type(error).__name__}: {error}") from error
        if idiom is not None:
            found[name] = idiom
    return found
