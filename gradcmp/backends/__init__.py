"""The adapters, by name. Importing this package, or an adapter, imports no framework."""

from gradcmp.backends.base import Backend, Job
from gradcmp.backends.registry import backend_class, backend_names, import_adapter

__all__ = ["Backend", "Job", "backend_class", "backend_names", "import_adapter"]
