"""Commands that are imported when they are named: to list them takes none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

import click


@dataclass(frozen=True)
class Files(Mapping[str, click.Command]):
    """The commands by name, each in a file of that name.

    Attributes
    ----------
    summaries : mapping of str to str
        What each command does, in a sentence, by its module within `gradcmp.cli`.
    """

    summaries: Mapping[str, str]

    def __getitem__(self, name: str) -> click.Command:
        command: click.Command = import_module(f"gradcmp.cli.{self._modules[name]}").command
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self.summaries)

    def listed(self, name: str) -> click.Command:
        """Return what the help has to know of a command."""
        summary = self.summaries[self._modules[name]]
        return click.Command(name, help=summary, short_help=summary)

    @property
    def _modules(self) -> dict[str, str]:
        return {module.rpartition(".")[2]: module for module in self.summaries}


class LazyGroup(click.Group):
    """A group whose help imports no command."""

    commands: Files  # type: ignore[assignment]  # nobody adds one

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        listed = click.Group(commands=[self.commands.listed(name) for name in self.commands])
        listed.format_commands(ctx, formatter)
