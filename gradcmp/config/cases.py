"""The text of a config file becomes cases: one, or several with defaults and a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePath

from gradcmp.case import Case
from gradcmp.config.build import build_case
from gradcmp.config.document import Items, Table, parse
from gradcmp.config.matrix import MAX_CASES, at_edge, at_edges, expand, merge, size
from gradcmp.config.messages import locate, shorten, spell
from gradcmp.config.models import CaseModel
from gradcmp.errors import ConfigError, GradcmpError, Location, did_you_mean, together
from gradcmp.inputs.edge_cases import EdgeCase

SUITE = ("defaults", "cases")  # the keys of a file with several cases


def read(text: str, file: str, user_code: bool) -> tuple[Case, ...]:
    """Read the text of a config file; see `gradcmp.config.load_text`."""
    cases = survey(text, file, user_code)
    if faults := [case.fault for case in cases if case.fault]:
        raise together(faults)
    return cases


def survey(text: str, file: str, user_code: bool) -> tuple[Case, ...]:
    """Read the text of a config file; a case that is wrong has a fault, and the others are read.

    Raises
    ------
    ConfigError
        When no case can be told from another.
    """
    data = parse(text, file)
    if not isinstance(data, Table):
        raise ConfigError(
            f"the file contains {shorten(data)}, and must contain a mapping",
            where=Location(file, 1),
            way_out="Write 'inputs:' and 'graph:', or 'cases:' with a list of them",
        )
    tables = [data]
    if not data.keys().isdisjoint(SUITE):
        tables = _suite(data, file)
    elif "name" not in data:
        data.put("name", PurePath(file).stem, data.line)
    if sum(size(table, file) for table in tables) > MAX_CASES:
        raise ConfigError(
            f"the file describes more than {MAX_CASES} cases",
            where=locate(tables[0], ("matrix",), file),
            way_out="Shorten a list under 'matrix'",
        )
    cases = tuple(case for table in tables for case in _cases(table, file, user_code))
    _require_distinct(case for case in cases if not case.fault)
    return cases


def _cases(table: Table, file: str, user_code: bool) -> Iterator[Case]:
    """Return the cases that a table stands for; one with a fault where none can be made."""
    try:
        variants = [*expand(table, file)]
    except GradcmpError as error:
        yield faulty(table.get("name"), Location(file, table.line), error)
        return
    for one, suffix in variants:
        try:
            edges = at_edges(one, file)
        except GradcmpError as error:
            yield faulty(f"{one.get('name')}{suffix}", Location(file, table.line), error)
            continue
        for edge in edges:
            named = f"{suffix}[{edge}]" if str(edge) else suffix
            try:
                yield _built(one, named, file, user_code, edge)
            except GradcmpError as error:
                yield faulty(f"{one.get('name')}{named}", Location(file, table.line), error)


def _built(table: Table, suffix: str, file: str, user_code: bool, edge: EdgeCase) -> Case:
    """Make the record of a case with the lengths and values that were chosen."""
    case = build_case(at_edge(table, edge), suffix, file, user_code)
    if not edge.sizes:
        return case
    other = partial(_at, table, suffix, file, user_code, edge)  # goes to other processes as it is
    return replace(case, sizes=edge.sizes, at_sizes=other)


def _at(
    table: Table, suffix: str, file: str, user_code: bool, edge: EdgeCase, sizes: Mapping[str, int]
) -> Case:
    """Make the record of a case with other lengths."""
    return _built(table, suffix, file, user_code, replace(edge, sizes=sizes))


def faulty(name: object, where: Location, error: GradcmpError) -> Case:
    """Return what stands for a case that cannot be read."""
    text = name if isinstance(name, str) and name else PurePath(where.file).stem
    shown = text if text.isprintable() else ascii(text)[1:-1]
    return Case(
        shown, inputs={}, graph={}, output="", wrt=(), backends=(), where=where, fault=error
    )


def _suite(data: Table, file: str) -> list[Table]:
    """Check the keys around the cases; return each case with the defaults merged in."""
    for key in data:
        if key not in SUITE:
            raise ConfigError(
                f"unknown key '{key}' next to 'cases'",
                where=locate(data, (key,), file),
                way_out="Write it under 'defaults', or in each case"
                if key in CaseModel.model_fields
                else did_you_mean(key, SUITE),
            )
    cases, defaults = data.get("cases"), data.get("defaults", Table(data.line))
    if not (isinstance(cases, Items) and cases):
        raise ConfigError(
            f"cases is {shorten(cases)}, and must be a list of cases",
            where=locate(data, ("cases",), file),
        )
    for path, table in [
        (("defaults",), defaults),
        *((("cases", i), c) for i, c in enumerate(cases)),
    ]:
        if not isinstance(table, Table):
            raise ConfigError(
                f"{spell(path)} is {shorten(table)}, and must be a mapping",
                where=locate(data, path, file),
            )
        if ("name" in table) == (path == ("defaults",)):
            raise ConfigError(
                f"{spell(path)} has " + ("a" if "name" in table else "no") + " 'name'",
                where=locate(data, path, file),
                way_out="Each of several cases needs its own",
            )
    return [merge(defaults, case) for case in cases]


def _require_distinct(cases: Iterable[Case]) -> None:
    seen: dict[str, Case] = {}
    for case in cases:
        if case.name in seen:
            first = seen[case.name].where
            raise ConfigError(
                f"two cases are called '{case.name}'"
                + (f", and the first is on line {first.line}" if first else ""),
                where=case.where,
                way_out="Rename one of them",
            )
        seen[case.name] = case
