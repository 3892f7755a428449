"""Which backends there are: one line each, and whatever is installed under the entry point."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from gradcmp.case import REFERENCE
from gradcmp.errors import BackendError, GradcmpError, UsageError, did_you_mean

if TYPE_CHECKING:
    from gradcmp.backends.base import Backend
    from gradcmp.backends.idiom import Idiom

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
    """Return what is known of a backend; raises as `import_adapter`."""
    return import_adapter(name)


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

    place = BUILT_IN.get(name) or _places().get(name)
    if place is None:
        raise UsageError(
            f"there is no backend '{name}'", way_out=did_you_mean(name, backend_names())
        )
    module, _, attribute = place.partition(":")
    adapter = getattr(import_module(module), attribute, None)
    if not (isinstance(adapter, type) and issubclass(adapter, Backend)):
        raise UsageError(
            f"the entry point of backend '{name}' is '{place}', which is not a Backend"
        )
    return adapter


def adapters() -> dict[str, type[Backend]]:
    """Return all adapters that can be imported, by name; a broken plug-in offers nothing."""
    found: dict[str, type[Backend]] = {}
    for name in backend_names():
        with suppress(Exception, SystemExit):  # whatever a stranger's code raises
            found[name] = import_adapter(name)
    return found


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
