"""A case as YAML that could stand in a config file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from gradcmp.case import BackendSpec, Case, CodeSpec, Expression, InputSpec, Tolerance
from gradcmp.keys import PAGE, keys, written_in
from gradcmp.tolerances import NAMED

PLAIN = re.compile(r"[A-Za-z_](?:[\w .,()*/+@=<>-]*[\w)])?", re.ASCII)  # text that needs no quotes
WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
TAKEN = {"null", "true", "false", "yes", "no", "on", "off"}  # no strings in YAML 1.1
UNKNOWN = "# The arrays come from files; how they were made is not known."
OF_GRAPHS = ("graph", "output", "backends")  # keys that a case of code does not have
LONG = 300  # characters of one input: arrays that are written out are longer


def case_yaml(case: Case) -> str:
    """Write a case as YAML; arrays that are written out are cut, and a comment says so."""
    return "\n".join(entries(case)) + "\n"


def entries(case: Case) -> Iterator[str]:
    """Return the keys in the order of the manual, without those that are off, as by default."""
    known = keys(Case)
    shown = {
        name: WRITERS.get(known[name].form, plain)(name, value)
        for name, value in written_in(PAGE, case).items()
        if not known[name].is_off(value) and value != ()
    }
    if case.code:
        yield from (text for name, text in shown.items() if name not in OF_GRAPHS)
    elif not case.graph:
        named = [shown[name] for name in ("name", "description") if name in shown]
        yield from (*named, UNKNOWN, shown["tolerance"])
    else:
        yield from shown.values()


def code(name: str, functions: Mapping[str, CodeSpec]) -> str:
    """Write every function on a line of its own."""
    lines = (f"  {scalar(one)}: {flow(_function(spec))}" for one, spec in functions.items())
    return "\n".join([f"{name}:", *lines])


def _function(spec: CodeSpec) -> dict[str, Any]:
    options = own_keys(spec.backend)
    return {options.pop("name"): spec.source, **options}


def plain(name: str, fact: Any) -> str:
    """Write a key whose value is text, a number, true or false, or a tuple of names."""
    if isinstance(fact, tuple):
        return f"{name}: [{', '.join(map(value, fact))}]"
    return f"{name}: {scalar(fact) if isinstance(fact, str) else value(fact)}"


def inputs(name: str, specs: Mapping[str, InputSpec]) -> str:
    """Write every input on a line of its own."""
    lines = (f"  {scalar(one)}: {input_mapping(specs[one])}" for one in specs)
    return "\n".join([f"{name}:", *lines])


def graph(name: str, nodes: Mapping[str, Expression]) -> str:
    """Write every node on a line of its own."""
    lines = (f"  {scalar(one)}: {scalar(nodes[one].text)}" for one in nodes)
    return "\n".join([f"{name}:", *lines])


def backends(name: str, specs: Iterable[BackendSpec]) -> str:
    """Write every backend on a line of its own."""
    lines = (f"  - {flow(own_keys(spec))}" for spec in specs)
    return "\n".join([f"{name}:", *lines])


def input_mapping(spec: InputSpec) -> str:
    """Write an input as a mapping, cut where it is long."""
    facts: dict[str, Any] = {"kind": spec.kind}
    if spec.shape is not None:
        facts["shape"] = list(spec.shape)
    text = flow({**facts, **spec.parameters})
    if len(text) <= LONG:
        return text
    return f"{text[:LONG]} …  # {len(text) - LONG} more characters"


def own_keys(backend: BackendSpec) -> dict[str, Any]:
    """Return the keys of a backend that differ from their defaults."""
    known = keys(BackendSpec)
    return {
        name: value
        for name, value in written_in(PAGE, backend).items()
        if value != known[name].default
    }


def tolerance(name: str, chosen: Tolerance) -> str:
    """Write a tolerance as its name in configs, or as a mapping of its numbers."""
    names = [known for known, one in NAMED.items() if one == chosen]
    return f"{name}: {names[0] if names else flow(written_in(PAGE, chosen))}"


def flow(facts: Mapping[str, Any]) -> str:
    """Write a mapping on one line."""
    return "{" + ", ".join(f"{word(key)}: {value(fact)}" for key, fact in facts.items()) + "}"


def value(fact: Any) -> str:
    """Write a value inside a line; JSON is YAML."""
    if isinstance(fact, str):
        return word(fact)
    return json.dumps(fact.tolist() if isinstance(fact, np.ndarray) else fact, default=str)


def scalar(text: str) -> str:
    """Write a string that stands alone after a key."""
    plain = PLAIN.fullmatch(text) and text.lower() not in TAKEN
    return text if plain else json.dumps(text, ensure_ascii=False)


def word(text: str) -> str:
    """Write a string inside brackets or braces."""
    plain = WORD.fullmatch(text) and text.lower() not in TAKEN
    return text if plain else json.dumps(text, ensure_ascii=False)


# By the form of the key; all others are written as they are.
WRITERS: Mapping[str | None, Callable[[str, Any], str]] = {
    "inputs": inputs,
    "graph": graph,
    "code": code,
    "backends": backends,
    "tolerance": tolerance,
}
