"""``gradcmp completion``: the script that makes a shell ask for what it may offer."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from gradcmp.cli import COMPLETING
from gradcmp.cli import completion as completion  # it tells click how bash and fish split words
from gradcmp.cli.terminal import put

SHELLS = ("bash", "zsh", "fish")


@click.command(name="completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that makes a SHELL complete commands, backends, modes, ops and cases.

    \b
    bash: eval "$(gradcmp completion bash)"         in ~/.bashrc
    zsh:  eval "$(gradcmp completion zsh)"          in ~/.zshrc
    fish: gradcmp completion fish | source          in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    put(kind(context.find_root().command, {}, "gradcmp", COMPLETING).source() + "\n")
