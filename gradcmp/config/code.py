"""A function that a config names: which framework it is written for, and where it is."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

from gradcmp.case import BackendSpec, CodeSpec
from gradcmp.config.document import require_text
from gradcmp.config.messages import errors_of
from gradcmp.config.models import CodeModel
from gradcmp.config.shorthand import expand_backend
from gradcmp.dtypes import AUTOCAST
from gradcmp.errors import BackendError, ConfigError, Location, did_you_mean
from gradcmp.keys import keys
from gradcmp.native.frameworks import FRAMEWORKS, modes_of
from gradcmp.native.loaded import split
from gradcmp.native.written import framework_in


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
    what = f"code.{label}"
    _require_mode(framework, options["mode"], what, where)
    _require_autocast(framework, model.autocast, what, where)
    source = found_from(source, folder, what, where)
    made_of = model.parameters
    if isinstance(made_of, str):
        made_of = found_from(made_of, folder, f"{what}.parameters", where)
    backend = BackendSpec(framework, **options, where=where)
    return CodeSpec(source, backend, model.autocast, made_of, model.taps, where)


def parse_code(text: str) -> tuple[str, CodeSpec]:
    """Read the one-line form of a function: ``[FRAMEWORK[:MODE][,KEY=VALUE...]=]FILE.py:NAME``.

    Returns
    -------
    tuple of str and CodeSpec
        Its label, by its name and mode, and its record.
    """
    how, _, source = text.rpartition("=")
    options = expand_backend(how) if how else {}
    framework = options.pop("name", "") or framework_in(source)
    require_text(text, "the function")
    try:
        model = CodeModel.model_validate({framework: source, **options})
    except ValidationError as error:
        raise errors_of(error.errors(include_url=False), text, None, "function") from None
    name = source.rpartition(":")[2].removesuffix(".apply")
    mode = options.get("mode")
    label = f"{name}:{mode}" if mode else name
    return label, code_spec(label, model, PurePath(), None)


def _require_mode(framework: str, mode: str | None, what: str, where: Location | None) -> None:
    known = modes_of(framework)
    if mode is not None and mode not in known:
        fact = f"{what}: functions of {framework} have no mode '{mode}'"
        raise ConfigError(fact, where=where, way_out=did_you_mean(mode, known))


def _require_autocast(framework: str, dtype: str | None, what: str, where: Location | None) -> None:
    if dtype is not None and framework != "torch":
        fact = f"{what}: autocast is torch's, and the function is of {framework}"
        raise ConfigError(fact, where=where, way_out="Remove it")
    if dtype not in (None, *AUTOCAST):
        fact = f"{what}: autocast is '{dtype}', and must be {' or '.join(AUTOCAST)}"
        raise ConfigError(fact, where=where)


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
