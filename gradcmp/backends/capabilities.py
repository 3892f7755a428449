"""Whether a backend has the mode and the dtype that it is asked for: said here, refused by all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gradcmp.case import DType
from gradcmp.errors import did_you_mean


class Adapter(Protocol):
    """What declares its modes and dtypes: the class of a backend."""

    modes: tuple[str, ...]
    dtypes: tuple[DType, ...]


@dataclass(frozen=True)
class Missing:
    """A mode or dtype that a backend does not have; it reads ``mode 'sesion'``."""

    what: str
    word: str
    known: Sequence[str]

    def __str__(self) -> str:
        return f"{self.what} '{self.word}'"

    @property
    def way_out(self) -> str | None:
        """What to ask for instead."""
        return did_you_mean(self.word, self.known)


def missing(adapter: Adapter, mode: str | None, dtype: str | None) -> Missing | None:
    """Return what a backend lacks to compute in a mode and a dtype; None is its own choice.

    A plug-in's modes are known in its worker alone: outside of it none is missing.
    """
    for what, word, known in (("mode", mode, adapter.modes), ("dtype", dtype, adapter.dtypes)):
        if word is not None and known and word not in known:
            return Missing(what, word, known)
    return None
