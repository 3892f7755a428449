"""What a shell offers when Tab is pressed. No framework is loaded for it.

Nothing here raises for what is typed so far: a mistake is reported when the command runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import fields
from itertools import islice
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    add_completion_class,
    split_arg_string,
)

from gradcmp.case import REFERENCE, BackendSpec, DType
from gradcmp.errors import GradcmpError

BREAKS = ":="  # where bash begins another word
DEPTH = 3  # folders below the typed one in which configs are looked for
FILES = 200  # configs that are offered at most


class Bash(BashComplete):
    """Bash splits ``--backend=torch:ea`` at each ``=`` and ``:``, and replaces only the last piece.

    The pieces are joined again, and of each answer only what replaces the last piece is given.
    """

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the complete words and the one at the cursor."""
        pieces = split_arg_string(os.environ["COMP_WORDS"])
        last = int(os.environ["COMP_CWORD"])
        pieces = [*pieces[: last + 1], *[""] * (last + 1 - len(pieces))]
        words: list[str] = []
        for before, piece in zip(["", *pieces], pieces, strict=False):
            if words and piece and (is_break(piece) or is_break(before)):
                words[-1] += piece
            else:
                words.append(piece)
        word = words[-1]
        kept = word[: len(word) - len(pieces[-1].lstrip(BREAKS))] if word != pieces[-1] else ""
        if word.startswith("--"):
            kept = kept.partition("=")[2]  # the option is no part of the answers
        self._kept = len(kept)
        return words[1:-1], word

    def format_completion(self, item: CompletionItem) -> str:
        """Write an answer as the script reads it."""
        return f"{item.type},{item.value[self._kept :]}"


class Fish(FishComplete):
    """Keep what stands after the first comma of an answer: ``torch,dtype=float64`` has commas."""

    source_template = FishComplete.source_template.replace("string split ", "string split -m 1 ")


add_completion_class(Bash)
add_completion_class(Fish)


def is_break(piece: str) -> bool:
    """Whether bash made this piece out of what stands between two others."""
    return bool(piece) and not piece.strip(BREAKS)


def backends(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete ``tensorflow:se`` and ``torch,dtype=bf``."""
    from gradcmp.backends import backend_class, backend_names

    found: list[str] = []
    for name in backend_names():
        with suppress(ImportError, GradcmpError):  # a plug-in that is broken offers nothing
            adapter = backend_class(name)
            found += [name, *(f"{name}:{mode}" for mode in adapter.modes)]
            if incomplete.startswith(name):
                found += options(incomplete, adapter.dtypes)
    return starting(incomplete, found)


def configs(incomplete: str) -> Iterator[str]:
    """Complete a config, or a folder with some: no other file is one."""
    head = incomplete[: incomplete.rfind("/") + 1]
    seen: dict[str, None] = {}
    for file in islice(_configs(Path(head or "."), DEPTH), FILES):
        parts = file.relative_to(head or ".").parts
        seen |= dict.fromkeys(head + "/".join(parts[: i + 1]) for i in range(len(parts)))
    yield from starting(incomplete, seen)


def _configs(folder: Path, depth: int) -> Iterator[Path]:
    """Return configs of a folder, then of those below; hidden ones are passed over."""
    from gradcmp.config.files import SUFFIXES

    try:
        entries = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    except OSError:
        return
    yield from (one for one in entries if one.suffix.lower() in SUFFIXES and one.is_file())
    if depth:
        for one in entries:
            if one.is_dir() and not one.is_symlink():
                yield from _configs(one, depth - 1)


def frameworks(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete a framework that programs can be written in."""
    from gradcmp.backends import idioms

    return starting(incomplete, (REFERENCE, *idioms()))


def options(incomplete: str, dtypes: Iterable[DType]) -> Iterator[str]:
    """Return what may follow a comma after a backend."""
    head, comma, _ = incomplete.rpartition(",")
    if not comma:
        return
    values = {"dtype": dtypes, "device": ("cpu", "cuda"), "required": ("true", "false")}
    for field in fields(BackendSpec):
        if field.name in ("name", "mode", "where") or f",{field.name}=" in head:
            continue
        for value in values.get(field.name, ("",)):
            yield f"{head},{field.name}={value}"


def cases(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a case of the configs that stand before it, or of the built-in one."""
    from gradcmp import config
    from gradcmp.cli.cases import load

    # click gives up on the arguments when it meets the option that has no value yet.
    paths = context.params.get("paths") or context.args
    choices: list[list[str]] = [] if paths else [[]]
    with suppress(GradcmpError, OSError):
        choices += [[str(file)] for file in config.find(paths)]
    found: dict[str, None] = {}
    for choice in choices:
        with suppress(GradcmpError, OSError):
            found |= dict.fromkeys(case.name for case in load(choice))
    return starting(incomplete, found)


def ops(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the op at the end of an expression: ``sum(lo`` to ``sum(log(``."""
    from gradcmp.ops import OPS

    name = re.search(r"[A-Za-z_][A-Za-z0-9_]*$", incomplete)
    head = incomplete[: name.start()] if name else incomplete
    return starting(incomplete, (f"{head}{op}(" for op in OPS))


def op_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of an op."""
    from gradcmp.ops import OPS

    return starting(incomplete, OPS)


def starting(incomplete: str, choices: Iterable[str]) -> list[str]:
    """Keep what begins with the word so far."""
    return [choice for choice in choices if choice.startswith(incomplete)]
