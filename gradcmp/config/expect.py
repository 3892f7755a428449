"""The file of expected disagreements: which, why, and until when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from gradcmp.config.document import Items, Table, parse
from gradcmp.config.files import read_text
from gradcmp.config.messages import locate, shorten
from gradcmp.errors import ConfigError, Location, did_you_mean
from gradcmp.judge.expected import Known

NEEDED = ("case", "reason", "expires")
KEYS = (*NEEDED, "backend", "pair", "tensor")


class Names(NamedTuple):
    """The labels of the backends and the tensors of all cases that have one name."""

    labels: set[str]
    tensors: set[str]


def load_known(
    path: str | Path, cases: Mapping[str, Names], today: date, user_code: bool | None = None
) -> tuple[Known, ...]:
    """Read which disagreements are expected.

    Parameters
    ----------
    cases : mapping of str to Names
        The cases that will run, by name.
    today : date
        An entry that expired before is an error.
    user_code : bool, optional
        As `gradcmp.config.load` takes it.

    Raises
    ------
    ConfigError
        With file and line: for a file that is not a list of entries, for an unknown key, case,
        backend or tensor, for an entry without a reason or a date, and for one that has expired.
    """
    entries = parse(read_text(path, user_code), str(path))
    if not isinstance(entries, Items):
        raise ConfigError(
            f"the file contains {shorten(entries)}, and must contain a list",
            where=Location(str(path), 1),
            way_out="Write '- {case: …, reason: …, expires: 2030-12-31}' for each disagreement",
        )
    return tuple(
        _Entry(entry, Location(str(path), line)).known(cases, today)
        for entry, line in zip(entries, entries.lines, strict=True)
    )


@dataclass(frozen=True)
class _Entry:
    table: Any
    where: Location

    def known(self, cases: Mapping[str, Names], today: date) -> Known:
        self._check_keys()
        case = self._one_of("case", "case", cases)
        expires = self._date()
        if expires < today:
            raise self._error(
                "expires",
                f"the entry for case '{case}' expired on {expires}",
                "Look into it again, then remove the entry or give it a new date",
            )
        tensor = None
        if "tensor" in self.table:
            tensor = self._one_of("tensor", f"tensor of case '{case}'", cases[case].tensors)
        return Known(
            case,
            self._text("reason"),
            expires,
            self._labels(case, cases[case].labels),
            tensor,
            self.where,
        )

    def _check_keys(self) -> None:
        if not isinstance(self.table, Table):
            raise ConfigError(
                f"an entry is {shorten(self.table)}, and must be a mapping", where=self.where
            )
        for key in self.table:
            if key not in KEYS:
                raise self._error(key, f"unknown key '{key}'", did_you_mean(key, KEYS))
        for key in NEEDED:
            if key not in self.table:
                raise self._error(key, f"the entry has no '{key}'", "Add it")
        if "backend" in self.table and "pair" in self.table:
            raise self._error("pair", "the entry has both 'backend' and 'pair'", "Keep one of them")

    def _labels(self, case: str, labels: Collection[str]) -> tuple[str, ...]:
        """Return the backends that are named, each as the case calls it."""
        if "backend" in self.table:
            return (self._one_of("backend", f"backend of case '{case}'", labels),)
        if "pair" not in self.table:
            return ()
        pair = self.table["pair"]
        if not (isinstance(pair, Items) and len(pair) == 2 and pair[0] != pair[1]):
            raise self._error(
                "pair",
                f"pair is {shorten(pair)}, and must be a list of two backends",
                "Write pair: [torch, numpy]",
            )
        return tuple(self._among(labels, "pair", f"backend of case '{case}'", one) for one in pair)

    def _one_of(self, key: str, noun: str, known: Iterable[str]) -> str:
        return self._among(known, key, noun, self.table[key])

    def _among(self, known: Iterable[str], key: str, noun: str, found: Any) -> str:
        if isinstance(found, str) and found in known:
            return found
        way_out = did_you_mean(found, known) if isinstance(found, str) else None
        raise self._error(key, f"there is no {noun} called {shorten(found)}", way_out)

    def _text(self, key: str) -> str:
        found = self.table[key]
        if not isinstance(found, str) or not found.strip():
            raise self._error(key, f"{key} is {shorten(found)}, and must be text")
        return " ".join(found.split())

    def _date(self) -> date:
        try:
            return date.fromisoformat(self.table["expires"])
        except (TypeError, ValueError):
            raise self._error(
                "expires",
                f"expires is {shorten(self.table['expires'])}, and must be a date",
                "Write it as 2030-12-31",
            ) from None

    def _error(self, key: str, fact: str, way_out: str | None = None) -> ConfigError:
        where = locate(self.table, (key,), self.where.file)
        return ConfigError(fact, where=where, way_out=way_out)
