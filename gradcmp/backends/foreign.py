"""What is known of a plug-in outside of its worker: its name."""

from __future__ import annotations

from typing import ClassVar

from gradcmp.backends.base import Backend


class Foreign(Backend):
    """A backend that another package brings. It is never made: its worker imports the real one."""

    modes: ClassVar[tuple[str, ...]] = ()  # whatever its worker says
    package: ClassVar[str] = ""


def foreign_class(name: str, place: str) -> type[Backend]:
    """Return the class that stands for a plug-in.

    Parameters
    ----------
    place : str
        Where its entry point says that it is: ``package.module:Class``.
    """
    return type("Foreign", (Foreign,), {"name": name, "module": place.partition(":")[0]})
