"""What a config names that is not part of it: refused where no user code may run.

A key says of itself what it reaches (`gradcmp.keys.Reach`): a new one is refused without a word
of it here. Links count as what they lead to, for whoever writes configs may write links as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from gradcmp.errors import ConfigError, Location
from gradcmp.keys import OPTION, Reach
from gradcmp.system import KERNEL

VARIABLE = "GRADCMP_NO_USER_CODE"
OFF = ("", "0", "false", "no", "off")  # whatever else stands there refuses
TRUST = f"leave out {OPTION} ({VARIABLE}) if you trust it"
REFUSED: Mapping[Reach, tuple[str, str]] = {  # what it is, and the way out
    Reach.PROGRAM: ("a program", f"Take it out of the config, or {TRUST}"),
    Reach.CODE: ("code", f"Take it out of the config, or {TRUST}"),
    Reach.FILE: (
        "a file outside of the config's folder",
        f"Put it below that folder, or {TRUST}",
    ),
}


def is_trusted(user_code: bool | None) -> bool:
    """Whether configs may name programs, code, and files outside of their folders.

    Parameters
    ----------
    user_code : bool, optional
        What the caller says; None leaves it to the environment, which allows it unless
        ``GRADCMP_NO_USER_CODE`` is set.
    """
    return os.environ.get(VARIABLE, "").strip().lower() in OFF if user_code is None else user_code


def refuse(reach: Reach, key: str, value: object, folder: Path, where: Location | None) -> None:
    """Refuse what a key of a config names, unless it is a file in the folder of the config.

    Parameters
    ----------
    key : str
        The key as a person would write it: ``backends[1].python``.
    value : object
        For a file its path, from where the process is.

    Raises
    ------
    ConfigError
    """
    if reach is not Reach.FILE or not lies_in(str(value), folder):
        what, way_out = REFUSED[reach]
        fact = f"{key} is '{value}': {what}, which {OPTION} refuses"
        raise ConfigError(fact, where=where, way_out=way_out)


def require_no_way_out(files: Iterable[Path], given: Path) -> None:
    """Refuse config files that links lead to from outside of the place that was given.

    Else a stranger could have any file of this machine read, and quoted in an error.

    Parameters
    ----------
    given : path
        What the command line names: a config file, or the directory where `files` were found.

    Raises
    ------
    ConfigError
    """
    folder = root_of(given)
    for file in files:
        if not lies_in(str(file), folder):
            raise ConfigError(
                f"this is a link out of '{folder}', which {OPTION} refuses",
                where=Location(str(file)),
                way_out=f"Put the config itself there, or {TRUST}",
            )


def root_of(given: Path) -> Path:
    """Return the folder that a path from the command line must not be led out of by links.

    The current directory, which is what a stranger can write into where it was checked out, for
    all that is written as part of it; a place elsewhere is taken as it is given.
    """
    here = Path.cwd()
    place = Path(os.path.normpath(here / given))
    if place.is_relative_to(here):
        return here
    if any(place.is_relative_to(one) for one in KERNEL):
        return Path(place.anchor)
    return given if given.is_dir() else given.parent


def lies_in(file: str, folder: Path) -> bool:
    """Whether a file lies below a folder when all links are followed."""
    try:
        return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder))
    except ValueError:  # a NUL in the name: nowhere
        return False
