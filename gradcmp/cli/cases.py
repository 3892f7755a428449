"""Which cases a command is about."""

from __future__ import annotations

from collections.abc import Sequence

from gradcmp.case import Case
from gradcmp.cli.trust import user_code
from gradcmp.errors import UsageError, did_you_mean, together


def load(paths: Sequence[str]) -> list[Case]:
    """Return the cases of config files and directories, or the built-in one.

    Raises
    ------
    GradcmpError
        For all that can be found wrong with any.
    """
    cases = survey(paths)
    if faults := [case.fault for case in cases if case.fault]:
        raise together(faults)
    return cases


def survey(paths: Sequence[str]) -> list[Case]:
    """Return the cases of config files and directories; those that are wrong have a fault."""
    from gradcmp import config

    if not paths:
        return [config.seed_case()]
    allowed = user_code()
    return [case for path in config.find(paths, allowed) for case in config.survey(path, allowed)]


def choose(cases: list[Case], names: tuple[str, ...]) -> list[Case]:
    """Keep the cases that were named, or all.

    Raises
    ------
    UsageError
        When a name fits no case.
    """
    known = {case.name for case in cases}
    for name in names:
        if name not in known:
            if faults := [case.fault for case in cases if case.fault]:
                raise together(faults)  # it may be one of those that cannot be read
            raise UsageError(f"there is no case '{name}'", way_out=did_you_mean(name, known))
    return [case for case in cases if not names or case.name in names]


def require_distinct(cases: Sequence[Case]) -> None:
    """Refuse two cases of one name: their recordings would have one place.

    Raises
    ------
    UsageError
    """
    names = [case.name for case in cases]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"{names.count(name)} cases are called '{name}'",
                way_out="Record them into directories of their own, config by config",
            )
