"""How records show themselves: in a line, as text, and in a notebook."""

from __future__ import annotations

from importlib import import_module
from typing import Any

REPORT = "gradcmp.report.shown"  # reports know the judge, which knows of them no more than this


class Shown:
    """A record whose `repr` is one line and whose `str` is the screen without colours."""

    def __repr__(self) -> str:
        return str(_report().line(self))

    def __str__(self) -> str:
        return str(_report().text(self))

    def _repr_html_(self) -> str:
        """Return the screen in colours, for notebooks."""
        return str(_report().html(self))


def _report() -> Any:
    return import_module(REPORT)
