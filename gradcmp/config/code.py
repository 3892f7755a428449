"""A function that a config names: which framework it is written for, and where it is."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from gradcmp.case import BackendSpec, CodeSpec
from gradcmp.errors import BackendError, ConfigError, Location
from gradcmp.keys import keys
from gradcmp.native.frameworks import FRAMEWORKS
from gradcmp.native.loaded import split


def code_spec(label: str, model: Any, folder: PurePath, where: Location | None) -> CodeSpec:
    """Make the record of one function; nothing is imported.

    Parameters
    ----------
    model : CodeModel
        As YAML has it.
    folder : path
        Of the config, which files are relative to.

    Raises
    ------
    ConfigError
        For a label that a report cannot show, no framework or several, and what is no function's
        name.
    """
    if not label.isprintable() or not label or "," in label:
        raise ConfigError(f"{label!r} cannot be the label of a function", where=where)
    named = {name: source for name in FRAMEWORKS if (source := getattr(model, name)) is not None}
    if len(named) != 1:
        raise ConfigError(
            f"code.{label} names {' and '.join(named) or 'no framework'}, and must name one",
            where=where,
            way_out="Write as in {torch: kernels.py:rmsnorm}",
        )
    ((framework, source),) = named.items()
    options = model.model_dump(include={*keys(BackendSpec)})
    made_of = model.parameters
    if isinstance(made_of, str):
        made_of = found_from(made_of, folder, f"code.{label}.parameters", where)
    return CodeSpec(
        found_from(source, folder, f"code.{label}", where),
        BackendSpec(framework, **options, where=where),
        made_of,
        model.taps,
        where,
    )


def found_from(source: str, folder: PurePath, what: str, where: Location | None) -> str:
    """Return where a function is, a file by its path from where the process is.

    Raises
    ------
    ConfigError
        When it does not name a function.
    """
    try:
        home, name = split(source)
    except BackendError as error:
        fact = f"{what} is '{source}', which does not name a function"
        raise ConfigError(fact, where=where, way_out=error.way_out) from None
    return f"{folder / home if home.endswith('.py') else home}:{name}"
