"""What each framework returns at the points where they lawfully differ, as it was measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from gradcmp.errors import RecordingError
from gradcmp.ops.complexes.kinks import KINKS
from gradcmp.ops.registry import OPS
from gradcmp.ops.spec import Kink, Op

STORED = Path(__file__).with_name("conventions.json")
REFERENCE = "numpy:manual"
Rows: TypeAlias = dict[str, dict[str, dict[str, str]]]


@dataclass
class Conventions:
    """A table of answers.

    Attributes
    ----------
    versions : dict of str to str
        Of the frameworks, by backend.
    rows : dict
        By op, by the name of the point, by ``backend:mode``: value and gradients, in words.
    silent : dict of str to str
        By backend that was asked and could not answer, why; not kept in a file.
    """

    versions: dict[str, str] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)

    def answers(self, op: Op, kink: Kink) -> Mapping[str, str]:
        """Return what is known of a point, by ``backend:mode``."""
        return self.rows.get(op.name, {}).get(kink.name, {})

    def answer(self, op: Op, kink: Kink, backend: str, mode: str | None) -> str:
        """Return what a backend answers; in a mode that is not known, as in its first one."""
        known = self.answers(op, kink)
        first = next((way for way in known if way.startswith(f"{backend}:")), "")
        return known.get(f"{backend}:{mode}", known.get(first, ""))


@cache
def stored() -> Conventions:
    """Return what was measured and comes with gradcmp."""
    return read(STORED)


def read(path: Path) -> Conventions:
    """Read a table; an empty one where there is no file.

    Raises
    ------
    RecordingError
        For a file of another form.
    """
    if not path.is_file():
        return Conventions()
    try:
        content = json.loads(path.read_text("utf-8"))
        return Conventions(dict(content["versions"]), dict(content["rows"]))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise RecordingError(f"'{path}' holds no conventions ({error})") from None


def merged(before: Conventions, found: Conventions) -> Conventions:
    """Return both, as far as the points are still there; what was found last counts."""
    rows: Rows = {}
    for op, kink in points(OPS.everything()):
        both = {**before.answers(op, kink), **found.answers(op, kink)}
        rows.setdefault(op.name, {})[kink.name] = dict(sorted(both.items(), key=_rank))
    return Conventions({**before.versions, **found.versions}, rows)


def _rank(answer: tuple[str, str]) -> tuple[bool, str]:
    """Put the reference first, and the modes of one backend together."""
    return answer[0] != REFERENCE, answer[0].partition(":")[0]


def changed(before: Conventions, found: Conventions) -> Iterator[str]:
    """Return a sentence for each answer that is not what it was; nothing for what is new."""
    for op, by_point in found.rows.items():
        for point, answers in by_point.items():
            earlier = before.rows.get(op, {}).get(point, {})
            for way, answer in answers.items():
                if way in earlier and earlier[way] != answer:
                    yield f"{op} at {point}, {way}: {answer}, and was {earlier[way]}"


def points(ops: Iterable[Op]) -> Iterator[tuple[Op, Kink]]:
    """Return every point of every op, those of complex numbers after the others."""
    for op in ops:
        for kink in (*op.kinks, *KINKS.get(op.name, ())):
            yield op, kink


def alike(answers: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return who gives each answer; a backend that does so in all of its modes by its name."""
    modes: dict[str, list[str]] = {}
    by: dict[str, list[str]] = {}
    for way, answer in answers.items():
        modes.setdefault(way.partition(":")[0], []).append(way)
        by.setdefault(answer, []).append(way)
    found = {}
    for answer, ways in by.items():
        names: dict[str, None] = {}
        for way in ways:
            backend = way.partition(":")[0]
            names[backend if {*modes[backend]} <= {*ways} else way] = None
        found[answer] = tuple(names)
    return found


def text(found: Conventions) -> str:
    """Return a table as a file: a line for each answer."""
    ops = []
    for op in sorted(found.rows):
        kinks = []
        for point, answers in found.rows[op].items():
            lines = ",\n".join(f"    {_json(way)}: {_json(one)}" for way, one in answers.items())
            kinks.append(f"   {_json(point)}: {{\n{lines}\n   }}")
        ops.append(f"  {_json(op)}: {{\n" + ",\n".join(kinks) + "\n  }")
    body = ",\n".join(ops)
    return f'{{\n "versions": {_json(found.versions)},\n "rows": {{\n{body}\n }}\n}}\n'


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False)
