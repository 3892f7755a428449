"""Configs with a hostile text in each place where a config has text."""

from __future__ import annotations

import json
from collections.abc import Iterator

# What a terminal, GitHub, Azure Pipelines and an editor would obey.
STEERING = (
    "\x1b]0;title\x07\x1b[2J\r\n::error file=a.py,line=1::b\n::stop-commands::c\u202ed\u2066",
    "::add-mask::a",
    "##[add-mask]a ##vso[task.setvariable variable=b]c ##teamcity[d]",
    "\x9b31m\u2028::debug::\x85\x7f\ufeff",
    "\x00",
)

PLAIN = {
    "name": "plain",
    "description": "none",
    "inputs": "{X: {kind: normal, shape: [3]}}",
    "graph": "{node1: tanh(X)}",
    "backends": "[numpy, {name: numpy, dtype: float32}]",
}

# By place: the keys of a case, where %s is the text in quotes, or the whole config.
PLACES: dict[str, dict[str, str] | str] = {
    "name": {"name": "%s"},
    "description": {"description": "%s"},
    "a key": {"%s": "1"},
    "a key's value": {"strict": "%s"},
    "an input's name": {"inputs": "{%s: {kind: normal, shape: [3]}}"},
    "an input's kind": {"inputs": "{X: {kind: %s, shape: [3]}}"},
    "a shape": {"inputs": "{X: {kind: normal, shape: %s}}"},
    "a length": {"inputs": "{X: {kind: normal, shape: [%s]}}"},
    "an input's key": {"inputs": "{X: {kind: normal, shape: [3], %s: 1}}"},
    "an input in short": {"inputs": "{X: %s}"},
    "a data file": {"inputs": "{X: {kind: file, file: %s}}"},
    "a data file's key": {"inputs": "{X: {kind: file, file: data.npz, key: %s}}"},
    "a node's name": {"graph": "{%s: tanh(X)}"},
    "an expression": {"graph": "{node1: %s}"},
    "output": {"output": "%s"},
    "wrt": {"wrt": "[%s]"},
    "seed": {"seed": "%s"},
    "dtype": {"dtype": "%s"},
    "cotangent": {"cotangent": "%s"},
    "a backend": {"backends": "[%s]"},
    "a backend's key": {"backends": "[{name: numpy, %s: 1}]"},
    "mode": {"backends": "[{name: numpy, mode: %s}]"},
    "device": {"backends": "[numpy, {name: numpy, device: %s, dtype: float32}]"},
    "python": {"backends": "[numpy, {name: numpy, python: %s, dtype: float32}]"},
    "tolerance": {"tolerance": "%s"},
    "a tolerance's key": {"tolerance": "{%s: 1}"},
    "a variable": {"matrix": "{%s: [1, 2]}"},
    "a variable's value": {"matrix": "{v: [%s, 1]}", "description": "${v}"},
    "a variable's value twice": {"matrix": "{v: [%s, %s]}", "description": "${v}"},
    "a dtype of the matrix": {"matrix": "{dtype: [%s]}"},
    "a key beside cases": "cases: []\n%s: 1",
    "cases": "cases: %s",
    "a case": "cases: [%s]",
    "defaults": "defaults: %s\ncases: [{name: a}]",
    "the name of two cases": "cases: [{name: %s, inputs: {X: 'normal:3'}, graph: {a: tanh(X)}}, "
    "{name: %s, inputs: {X: 'normal:3'}, graph: {a: tanh(X)}}]",
    "a key twice": "%s: 1\n%s: 2",
    "a list for a key": "? [%s]\n: 1",
    "the file": "%s",
}
# The same, where the text stands as it is: what the parser of YAML complains about.
RAW = {
    "all of it": "%s",
    "a plain value": "a: %s",
    "a tag": "a: !<%s> b",
    "a short tag": "a: !%s b",
    "an alias": "a: *%s",
    "an anchor": "a: &%s [*%s]",
    "a directive": "%%%s\n---\na: 1",
    "a directive's version": "%%YAML %s\n---\na: 1",
    "a quote that is open": 'a: "%s',
}
# And inside of what has a grammar of its own.
INSIDE = {
    "an expression's string": ("graph", "{node1: %s}", "einsum('$', X)"),
    "an expression's attribute": ("graph", "{node1: %s}", "X.$"),
    "an expression's end": ("graph", "{node1: %s}", "tanh(X) $"),
    "a name in an expression": ("graph", "{node1: %s}", "a$(X)"),
    "a length in short": ("inputs", "{X: %s}", "normal:$"),
    "an option in short": ("inputs", "{X: %s}", "normal:3:$=1"),
    "a mode in short": ("backends", "[%s]", "numpy:$"),
    "a backend's option in short": ("backends", "[%s]", "numpy,$=1"),
    "a variable in text": ("description", "%s", "${$}"),
}


def configs(text: str) -> Iterator[tuple[str, str]]:
    """Return the name of each place, and the config with the text there."""
    quoted = json.dumps(text)
    for place, keys in PLACES.items():
        whole = keys if isinstance(keys, str) else written(keys)
        yield place, whole.replace("%s", quoted)
    for place, raw in RAW.items():
        yield place, raw.replace("%s", text)
    for place, (key, around, inside) in INSIDE.items():
        said = around.replace("%s", json.dumps(inside.replace("$", text, 1)))
        yield place, written({key: said})


def written(keys: dict[str, str]) -> str:
    return "\n".join(f"{key}: {value}" for key, value in {**PLAIN, **keys}.items())
