"""``--no-user-code``: whether the configs that a command reads may be a stranger's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from gradcmp.keys import OPTION

F = TypeVar("F", bound=Callable[..., Any])


def no_user_code(function: F) -> F:
    """Add ``--no-user-code`` to a command that reads configs; `user_code` looks for it."""
    return click.option(
        OPTION,
        is_flag=True,
        expose_value=False,
        callback=lambda context, _, chosen: context.meta.update({OPTION: chosen}),
        help="Refuse configs that name programs, code, or files outside of their folders.",
    )(function)


def user_code() -> bool | None:
    """Whether configs may name programs and files; None where the environment is to say."""
    context = click.get_current_context(silent=True)
    return False if context and context.meta.get(OPTION) else None
