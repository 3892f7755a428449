"""Finding config files and reading them. pydantic and PyYAML are loaded when needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradcmp.case import BackendSpec, Case, CodeSpec, Expression, InputSpec
from gradcmp.config.foreign import is_trusted, require_no_way_out
from gradcmp.errors import NOWHERE, ConfigError, GradcmpError, Location
from gradcmp.outside.files import beginning, below, is_special, kind

SUFFIXES = (".yaml", ".yml")
SEED = "seed.yaml"


def find(paths: Iterable[str | Path], user_code: bool | None = None) -> tuple[Path, ...]:
    """Return the config files at `paths`: a directory means all ``*.yaml`` and ``*.yml`` below.

    Parameters
    ----------
    user_code : bool, optional
        As `load` takes it.

    Returns
    -------
    tuple of Path
        In the order of `paths`, sorted within a directory, each file once.

    Raises
    ------
    ConfigError
        For a path that does not exist, a directory without YAML or that cannot be read, and a link
        that leads elsewhere where that is refused.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        files = _at(path)
        if not is_trusted(user_code):
            require_no_way_out(files, path)
        found |= dict.fromkeys(files)
    return tuple(found)


def _at(path: Path) -> list[Path]:
    try:
        there = kind(path)
        if there == "nothing":
            raise ConfigError(f"'{path}' does not exist")
        return _configs(path, below(path, SUFFIXES)) if there == "folder" else [path]
    except OSError as error:
        raise ConfigError(
            f"'{error.filename or path}' cannot be read: {error.strerror}",
            way_out="Make it readable, or name the other configs",
        ) from None


def _configs(folder: Path, files: list[Path]) -> list[Path]:
    if not files:
        raise ConfigError(f"'{folder}' contains no {' or '.join('*' + s for s in SUFFIXES)}")
    for file in files:
        if is_special(file):
            raise ConfigError(
                f"'{file}' is not a regular file", way_out="Name it itself, or move it away"
            )
    return files


def load(path: str | Path, user_code: bool | None = None) -> tuple[Case, ...]:
    """Read the cases of one config file.

    Parameters
    ----------
    user_code : bool, optional
        Whether it may name programs (``python:``), and files outside of its folder. By default
        it may, unless the environment has ``GRADCMP_NO_USER_CODE=1``.

    Raises
    ------
    ConfigError
        With file and line, for all that can be found wrong at once.
    InputError
        For an input that cannot be made: a missing file, a wrong key, another shape.
    """
    return load_text(read_text(path, user_code), str(path), user_code)


def survey(path: str | Path, user_code: bool | None = None) -> tuple[Case, ...]:
    """Read the cases of one config file as `load` does, those that are wrong with their faults."""
    from gradcmp.config import cases

    try:
        text = read_text(path, user_code)
        return cases.survey(text, str(path), is_trusted(user_code))
    except GradcmpError as error:
        return (cases.faulty(None, Location(str(path)), error),)


def read_text(path: str | Path, user_code: bool | None = None) -> str:
    """Read a file that a person wrote, but no more of it than the parser accepts.

    Raises
    ------
    ConfigError
        When it cannot be read, is a pipe that nobody writes into, is not in UTF-8, or is a link
        that `load` refuses.
    """
    from gradcmp.config.document import MAX_BYTES

    if not is_trusted(user_code):
        require_no_way_out([Path(path)], Path(path))
    where = Location(str(path))
    try:
        return beginning(path, MAX_BYTES + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(
            "the file is not in UTF-8", where=where, way_out="Save it as UTF-8"
        ) from None
    except TimeoutError as error:
        raise ConfigError(
            f"it is a pipe, and {error}", where=where, way_out="Write the config into it"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where) from None


def load_text(text: str, file: str, user_code: bool | None = None) -> tuple[Case, ...]:
    """Read cases from text; errors name `file`, and data files are relative to it."""
    from gradcmp.config.cases import read

    return read(text, file, is_trusted(user_code))


def seed_case() -> Case:
    """Return the built-in case, which is compared when no config is given."""
    (case,) = load_text(seed_text(), SEED)
    return replace(case, where=NOWHERE)


def seed_text() -> str:
    """Return the built-in case as it is written down."""
    from importlib import resources  # slow to import, and seldom needed

    return resources.files(__package__).joinpath(SEED).read_text("utf-8")


def parse_input(name: str, text: str, dotted: bool = False) -> InputSpec:
    """Read an input as the command line has it: ``normal:4x3``, ``arange:4x3:start=1``.

    The same one-line form as in YAML: ``kind:shape[:key=value,...]``, ``file:data.npz:key=X``,
    ``values:[[1, 2], [3, 4]]``.

    Parameters
    ----------
    dotted : bool
        Whether it may be a leaf of a container: ``params.layers.0.w``.

    Raises
    ------
    ConfigError, InputError
        For text that does not describe an input.
    """
    from gradcmp.config.build import parse_input

    return parse_input(name, text, dotted)


def parse_backend(text: str) -> BackendSpec:
    """Read a backend as the command line has it: ``torch``, ``tensorflow:session,dtype=float64``.

    The same one-line form as in YAML: ``name[:mode][,key=value...]``.

    Raises
    ------
    ConfigError
        For an unknown name, mode or option.
    """
    from gradcmp.config.build import parse_backend

    return parse_backend(text)


def parse_code(text: str) -> tuple[str, CodeSpec]:
    """Read a function as the command line has it: ``torch:compile=kernels.py:rmsnorm``.

    The one-line form is ``[FRAMEWORK[:MODE][,KEY=VALUE...]=]FILE.py:NAME``; without a framework it
    is told from what the file imports.

    Returns
    -------
    tuple of str and CodeSpec
        A label, from its name and mode, and the function.

    Raises
    ------
    ConfigError
        For an unknown framework, mode or option, and what does not name a function.
    """
    from gradcmp.config.code import parse_code

    return parse_code(text)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file, for editors."""
    from gradcmp.config.models import json_schema

    return json_schema()


def as_written(case: Case) -> Case:
    """Return a case that was made in Python, whose inputs, nodes and backends may be as in YAML."""
    inputs: Mapping[str, InputSpec | str] = case.inputs
    graph: Mapping[str, Expression | str] = case.graph
    backends: Sequence[BackendSpec | str] = case.backends
    return replace(
        case,
        inputs={
            name: parse_input(name, one) if isinstance(one, str) else one
            for name, one in inputs.items()
        },
        graph={n: Expression(one) if isinstance(one, str) else one for n, one in graph.items()},
        backends=tuple(parse_backend(one) if isinstance(one, str) else one for one in backends),
    )
