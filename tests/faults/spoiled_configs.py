"""Configs and expressions, spoiled: as text, as a tree, and inside of their expressions."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

from gradcmp.ops import OPS

# What may stand where a config has a value, written as YAML.
VALUES = (
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    ".nan",
    "-.inf",
    "9" * 300,
    "9" * 301,
    "1_000",
    "0x7fffffffffffffff",
    "[]",
    "{}",
    "''",
    "' '",
    "[[[[]]]]",
    "[1, [2, 3]]",
    "[true, false]",
    "[0, 0, 0]",
    "[-1, 2]",
    "[1.5]",
    "[4611686018427387904, 4]",
    "[100000, 100000]",
    "[" + "1, " * 70 + "1]",
    "[" * 70 + "]" * 70,
    "[" * 3000,
    "{a: {b: {c: d}}}",
    "!!python/object/apply:os.system [id]",
    "!!binary aGVsbG8=",
    "*nowhere",
    "&a [*a]",
    "'${'",
    "'${}'",
    "'${v}'",
    "'__import__(''os'')'",
    '"\\0"',
    '"\\ud800"',
    '"\\x1b[2J\\r\\n::error::a"',
    "'" + "x" * 5000 + "'",
    "2024-01-01",
    "12:30",
    "normal:3",
    "normal:" + "9" * 5000,
    "file:/dev/zero",
    "file:..",
    "'values:[[1, 2], [3]]'",
    "torch:eager,dtype=float16,device=cuda:99",
    "numpy,numpy,numpy",
    "float8",
    "<<",
)
# What may stand where an expression has an operand.
OPERANDS = (
    "X",
    "nowhere",
    "0",
    "-1",
    "1e308",
    "1e999",
    "1j",
    "9" * 400,
    "0.1" * 30,
    "None",
    "...",
    "True",
    "'axis'",
    "b'x'",
    "f'{X}'",
    "()",
    "(0, 0)",
    "(-1,) * 9",
    "[]",
    "[X, X]",
    "{}",
    "{X}",
    "X[0]",
    "X[None]",
    "X[..., None, ...]",
    "X[:, ::-1]",
    "X[1:2:0]",
    "X[X]",
    "X[10**9]",
    "X[True]",
    "X[" + "None, " * 70 + "]",
    "X.T",
    "X.__class__",
    "X @ X",
    "X ** X ** X",
    "-X",
    "~X",
    "not X",
    "X and X",
    "X < X < X",
    "X if X else X",
    "lambda: X",
    "(yield)",
    "[i for i in X]",
    "(X := 3)",
    "__import__('os').system('id')",
    "X\\\n",
    "X  # comment",
    "*X",
    "**X",
    "axis=0",
    "-" * 5000 + "X",
    "(" * 150 + "X" + ")" * 150,
    "tanh(" * 300 + "X" + ")" * 300,
    " + ".join(["X"] * 2000),
    "reshape(X, (1,) * 70)",
    "reshape(X, " + "(1, " * 70 + ")" * 70 + ")",
    "broadcast_to(X, (100000, 100000, 3))",
    "einsum('ij,jk->ik', X, X)",
    "einsum('" + "a" * 60 + "->', X)",
    "X\x00",
    "\u202eX",
    "\u00aa",
    "ﬁ(X)",
)
SIGNS = "[]{}():,'\"*&!|>%@`#-?\n\t \\.$~^=+/\x00\x1b\u202e\ufeffé勾0123456789eE"
WORD = re.compile(r"[A-Za-z_]\w*|[0-9.]+|[^\w\s]")

Mutation = Callable[[random.Random, str], str]


def sign(rng: random.Random, text: str) -> str:
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice(SIGNS) * rng.choice([1, 1, 2]) + text[place + 1 :]


def cut(rng: random.Random, text: str) -> str:
    begin, end = sorted(rng.choices(range(len(text) + 1), k=2))
    return text[:begin] + text[min(end, begin + 40) :]


def line(rng: random.Random, text: str) -> str:
    """Move, double, indent or drop a line."""
    lines = text.split("\n")
    one = lines.pop(rng.randrange(len(lines)))
    kind = rng.randrange(4)
    if kind:
        place = rng.randrange(len(lines) + 1)
        lines[place:place] = [one] * 2 if kind == 1 else [" " * rng.randrange(9) + one]
    return "\n".join(lines)


def word(rng: random.Random, text: str) -> str:
    """Replace a word by another of the text, or by a value."""
    found = list(WORD.finditer(text))
    if not found:
        return text
    one = rng.choice(found)
    other = rng.choice([rng.choice(found)[0], rng.choice(VALUES), rng.choice(OPERANDS)])
    return text[: one.start()] + other + text[one.end() :]


def value(rng: random.Random, text: str) -> str:
    """Replace what stands behind a colon."""
    found = list(re.finditer(r": *([^\n{}\[\],]+|\[[^\n\]]*\]|\{[^\n}]*\})", text))
    if not found:
        return sign(rng, text)
    one = rng.choice(found)
    return f"{text[: one.start()]}: {rng.choice(VALUES)}{text[one.end() :]}"


def key(rng: random.Random, text: str) -> str:
    """Replace what stands before a colon."""
    found = list(re.finditer(r"([\w.]+) *:", text))
    if not found:
        return sign(rng, text)
    one, other = rng.choice(found), rng.choice(found)
    name = rng.choice([other[1], other[1].upper(), "", "1", "? [a]", "matrix", "defaults", "cases"])
    return text[: one.start(1)] + name + text[one.end(1) :]


MUTATIONS: tuple[Mutation, ...] = (sign, cut, line, word, word, value, value, value, key)


def spoiled_config(rng: random.Random, texts: list[str]) -> str:
    text = rng.choice(texts)
    for _ in range(rng.choice([1, 1, 2, 4])):
        text = rng.choice(MUTATIONS)(rng, text) if text else text
    return text


def expression(rng: random.Random, depth: int = 0) -> str:
    """Return a call of an op, right or wrong, of others and of what none is made for."""
    if depth > 3 or rng.random() < 0.3:
        return rng.choice(OPERANDS) if rng.random() < 0.5 else "X"
    name = rng.choice([*OPS])
    count = rng.choice([1, 1, 1, 2, 2, 3, 5, 0])
    operands = [expression(rng, depth + 1) for _ in range(count)]
    if rng.random() < 0.3:
        option = rng.choice(["axis", "keepdims", "shape", "axes", "key", "approximate", "nonsense"])
        operands.append(f"{option}={rng.choice(OPERANDS)}")
    text = f"{name}({', '.join(operands)})"
    return sign(rng, text) if rng.random() < 0.1 else text


def config_of(text: str, rng: random.Random) -> str:
    shape = rng.choice([[3], [2, 3], [2, 3, 4], [], [0], [1, 3, 4, 4]])
    return (
        f"inputs: {{X: {{kind: normal, shape: {shape}}}, i: 'integers:2:high=2'}}\n"
        f"graph: {{Y: {json.dumps(text)}}}\nbackends: [numpy]\n"
    )


# What may stand for an option of an op.
OPTIONS = (
    *("0", "1", "2", "-1", "-3", "5", "1.5", "1e999", "None", "True", "False", "...", "100000"),
    *("()", "(0,)", "(1,)", "(0, 0)", "(1, 0)", "(2, -1)", "(-1, -1)", "(1, 2, 0)", "(6,)"),
    *("'none'", "'tanh'", "'sum'", "''", "'ij->ji'", "'ij,ij->'", "'...i->...'", "'ii->i'", "'->'"),
)


def example(rng: random.Random) -> str:
    """Return a config with the example of an op, in which a word or a shape may be another."""
    one = rng.choice(rng.choice([*OPS.values()]).examples)
    text, shapes = one.expression, {name: list(shape) for name, shape in one.shapes.items()}
    for _ in range(rng.choice([0, 1, 1, 2])):
        found = list(re.finditer(r"(?<![\w.])(\w+|\(\d[^()]*\)|'[^']*')(?!\w|\s*[=(])", text)) or [
            *WORD.finditer(text)
        ]
        place = rng.choice(found)
        other = rng.choice([rng.choice([*shapes]), rng.choice(OPTIONS), rng.choice(OPERANDS)])
        text = text[: place.start()] + other + text[place.end() :]
    if rng.random() < 0.2:
        shape = shapes[rng.choice([*shapes])]
        shape[rng.randrange(len(shape) + 1) :] = rng.choice([[], [1], [0], [2, 1], [70], [1] * 65])
    kinds = {name: "kind: integers, high: 2" for name in ("indices", "labels", "condition")}
    if rng.random() < 0.1:
        kinds = dict.fromkeys(shapes, rng.choice(["kind: constant, value: 0", *kinds.values()]))
    inputs = ", ".join(
        f"{name}: {{{kinds.get(name, 'kind: normal')}, shape: {shape}}}"
        for name, shape in shapes.items()
    )
    end = rng.choice(["sum(Z) * sum(X)", "sum(Z) + sum(X)", "Z + X", "sum(Z * 2) * X"])
    return (
        f"inputs: {{{inputs}, X: 'normal:2x3'}}\ngraph: {{Z: {json.dumps(text)}, "
        f"W: {end}}}\n"
        "backends: [numpy, {name: numpy, dtype: float32}]\n"
    )


def of_kind(rng: random.Random, kind: str, texts: list[str]) -> str:
    """Return a spoiled config: one of `texts`, an expression at random, or an op's example."""
    if kind == "config":
        return spoiled_config(rng, texts)
    return example(rng) if kind == "example" else config_of(expression(rng), rng)
