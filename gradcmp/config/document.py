"""YAML text becomes plain data that knows the line of everything in it.

The parser's events are put together here rather than by PyYAML's constructors: no tag can ask
for an object, duplicate keys, depth and aliases are under control, and every value has a line.
What a plain scalar means is the core schema of YAML 1.2, section 10.3.2: PyYAML follows YAML 1.1,
where ``1e-5`` is a string, ``on`` is a boolean and ``12:30`` is 750.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

import yaml

from gradcmp.errors import ConfigError, Location

Scalar: TypeAlias = "str | int | float | bool | None"

MAX_BYTES = 1 << 20  # far above what a person writes; numbers in bulk belong in .npz files
MAX_DEPTH = 64  # the number of axes that NumPy can have
MAX_ALIASED = 10_000  # values that aliases expand to, all together: nine lines can mean billions
MAX_DIGITS = 300  # what still fits into a float64

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Table(dict[str, Any]):
    """A mapping that knows its line and the line of each key."""

    def __init__(self, line: int, lines: dict[str, int] | None = None) -> None:
        super().__init__()
        self.line = line
        self.lines = {} if lines is None else lines

    def put(self, key: str, value: Any, line: int) -> None:
        """Set an entry together with its line."""
        self[key] = value
        self.lines[key] = line


class Items(list[Any]):
    """A list that knows its line and the line of each item."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []

    def put(self, value: Any, line: int) -> None:
        """Append an item together with its line."""
        self.append(value)
        self.lines.append(line)


def parse(text: str, file: str, *, loader: Any = LOADER) -> Any:
    """Read one YAML document.

    Parameters
    ----------
    loader : class
        Which of PyYAML's two parsers reads: in C, or in Python where that one was not built.

    Returns
    -------
    Table, Items, str, int, float, bool or None

    Raises
    ------
    ConfigError
        With file and line: for text that is not YAML, for tags, duplicate keys, keys that are
        not text, merge keys, several documents and an empty file, and for text that is too
        large, too deeply nested or aliased too often.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(
            f"the file is larger than {MAX_BYTES >> 20} MiB",
            where=Location(file),
            way_out="Put arrays into .npz files",
        )
    strange = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if strange:
        raise ConfigError(
            f"the character {strange[0]!r} is not allowed in YAML",
            where=Location(file, text.count("\n", 0, strange.start()) + 1),
            way_out="Remove it",
        )
    try:
        return _Builder(file, yaml.parse(text, Loader=loader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        context = f" {error.context}" if error.context else ""
        raise ConfigError(
            f"this is not valid YAML: {error.problem}{context}",
            where=Location(file, None if mark is None else mark.line + 1),
            way_out="Look for a missing colon, quote or bracket, or a tab, on or above that line",
        ) from None


@dataclass
class _Builder:
    file: str
    events: Iterator[Any]
    count: int = 0  # values so far; an alias counts as all that it expands to
    aliased: int = 0
    anchors: dict[str, tuple[Any, int] | None] = field(default_factory=dict)  # None: still open

    def document(self) -> Any:
        next(self.events)  # the stream's start
        value = None
        if isinstance(next(self.events), yaml.DocumentStartEvent):
            value = self.value(next(self.events), 0)
            next(self.events)  # the document's end
            after = next(self.events)
            if isinstance(after, yaml.DocumentStartEvent):
                self.fail(
                    after, "a second YAML document starts", "Write several cases under 'cases'"
                )
        if value is None:
            raise ConfigError("the file is empty", where=Location(self.file))
        return value

    def value(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if event.tag is not None:
            self.fail(
                event,
                f"the YAML tag '{_short_tag(event.tag)}' is not allowed",
                "Write the value without it",
            )
        if depth > MAX_DEPTH:
            self.fail(event, f"nested deeper than {MAX_DEPTH} levels")
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        before = self.count
        self.count += 1
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.sequence(event, depth)
        else:
            value = self.mapping(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.count - before)
        return value

    def scalar(self, event: yaml.ScalarEvent) -> Any:
        if not is_text(event.value):
            self.fail(event, f"{event.value!a} contains half a character", "Write it whole")
        if not event.implicit[0]:  # quoted, or a block
            return event.value
        try:
            return resolve(event.value)
        except ConfigError as error:
            raise error.at(Location(self.file, line_of(event))) from None

    def sequence(self, event: Any, depth: int) -> Items:
        items = Items(line_of(event))
        for item in self.until(yaml.SequenceEndEvent):
            items.put(self.value(item, depth + 1), line_of(item))
        return items

    def mapping(self, event: Any, depth: int) -> Table:
        table = Table(line_of(event))
        for event_of_key in self.until(yaml.MappingEndEvent):
            key, line = self.key(event_of_key, depth), line_of(event_of_key)
            if key in table:
                self.fail(
                    event_of_key,
                    f"'{key}' is written twice, here and on line {table.lines[key]}",
                    "Remove one of them",
                )
            table.put(key, self.value(next(self.events), depth + 1), line)
        return table

    def key(self, event: Any, depth: int) -> str:
        key = self.value(event, depth + 1)
        if key == "<<":
            self.fail(event, "merge keys '<<' are not supported", "Write them under 'defaults'")
        if not isinstance(key, str):
            text = event.value if isinstance(event, yaml.ScalarEvent) else "a list or mapping"
            self.fail(event, f"a key is {text or 'empty'}, and must be text", "Put it in quotes")
        return key

    def alias(self, event: Any) -> Any:
        name = event.anchor
        if name not in self.anchors:
            self.fail(event, f"the alias '*{name}' has no anchor", f"Define '&{name}' before it")
        found = self.anchors[name]
        if found is None:
            self.fail(event, f"the alias '*{name}' refers to a value that contains it")
        value, size = found
        self.count += size
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            self.fail(event, f"aliases expand to more than {MAX_ALIASED} values")
        return value

    def until(self, end: type[Any]) -> Iterator[Any]:
        for event in self.events:
            if isinstance(event, end):
                return
            yield event

    def fail(self, event: Any, fact: str, way_out: str | None = None) -> NoReturn:
        raise ConfigError(fact, where=Location(self.file, line_of(event)), way_out=way_out)


def is_text(value: str) -> bool:
    """Whether it can be written in UTF-8: escapes in YAML and bytes on a command line may not."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def require_text(value: str, what: str) -> None:
    """Refuse what is not text; raises ConfigError."""
    if not is_text(value):
        raise ConfigError(f"{what} is {value!a}, and must be text in UTF-8")


def line_of(event: Any) -> int:
    """Return the line of an event, counted from 1."""
    line: int = event.start_mark.line
    return line + 1


def _short_tag(tag: str) -> str:
    return "!!" + tag.rpartition(",2002:")[2] if tag.startswith("tag:yaml.org,2002:") else tag


def resolve(text: str) -> Scalar:
    """Return the value of a plain scalar: a string, unless it is written like something else.

    Raises
    ------
    ConfigError
        Without a place, for an integer that is too long to be meant.
    """
    for pattern, convert in _RULES:
        if pattern.fullmatch(text):
            return convert(text)
    return text


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ConfigError(f"a number has more than {MAX_DIGITS} digits")
    return int(text)


_RULES: tuple[tuple[re.Pattern[str], Callable[[str], Scalar]], ...] = (
    (re.compile(r"null|Null|NULL|~|"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9]+"), _integer),
    (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda text: float("nan")),
)
