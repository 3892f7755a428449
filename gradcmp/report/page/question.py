"""The question of a case as YAML that a config file could hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gradcmp.case import Auto, BackendSpec, Case, DTypeTable, Fixed, InputSpec, Tolerance, Ulp

PLAIN = re.compile(r"[A-Za-z_](?:[\w .,()*/+@=<>-]*[\w)])?", re.ASCII)  # what needs no quotes
WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
TAKEN = {"null", "true", "false", "yes", "no", "on", "off"}  # no strings in YAML 1.1
LONG = 300  # characters of one input: arrays that are written out are longer


def question(case: Case) -> str:
    """Write a case as YAML; arrays that are written out are cut, and a comment says so."""
    return "\n".join(lines(case)) + "\n"


def lines(case: Case) -> Iterator[str]:
    """Return the lines, in the order of the manual; what is left at its default is left out."""
    yield f"name: {scalar(case.name)}"
    if case.description:
        yield f"description: {scalar(case.description)}"
    if not case.graph:
        yield "# The arrays were saved before: what made them is not known."
        yield f"tolerance: {tolerance(case.tolerance)}"
        return
    yield "inputs:"
    for name, spec in case.inputs.items():
        yield f"  {scalar(name)}: {given(spec)}"
    yield "graph:"
    for name, expression in case.graph.items():
        yield f"  {scalar(name)}: {scalar(expression.text)}"
    yield f"output: {scalar(case.output)}"
    yield f"wrt: [{', '.join(map(word, case.wrt))}]"
    yield f"cotangent: {case.cotangent}"
    yield f"seed: {case.seed}"
    yield f"dtype: {case.dtype}"
    yield f"round_inputs: {json.dumps(case.round_inputs)}"
    yield f"tolerance: {tolerance(case.tolerance)}"
    if case.strict:
        yield "strict: true"
    yield "backends:"
    for backend in case.backends:
        yield f"  - {flow(who(backend))}"


def given(spec: InputSpec) -> str:
    """Write how an input comes about, cut where it is long."""
    facts: dict[str, Any] = {"kind": spec.kind}
    if spec.shape is not None:
        facts["shape"] = list(spec.shape)
    text = flow({**facts, **spec.parameters})
    if len(text) <= LONG:
        return text
    return f"{text[:LONG]} …  # {len(text) - LONG} more characters"


def who(backend: BackendSpec) -> dict[str, Any]:
    """Return what a backend was asked for beyond its defaults."""
    default = BackendSpec(backend.name)
    keys = ("mode", "dtype", "device", "python", "timeout", "loading", "required")
    said = {key: getattr(backend, key) for key in keys}
    return {
        "name": backend.name,
        **{key: value for key, value in said.items() if value != getattr(default, key)},
    }


def tolerance(chosen: Tolerance) -> str:
    """Write a tolerance as the config does."""
    match chosen:
        case Auto():
            return "auto"
        case DTypeTable():
            return "table"
        case Fixed():
            return flow({"rtol": chosen.rtol, "atol": chosen.atol})
        case Ulp():
            return flow({"ulp": chosen.ulp})


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
