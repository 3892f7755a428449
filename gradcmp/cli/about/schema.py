"""``gradcmp schema``: what an editor needs to complete and check a config."""

from __future__ import annotations

import json

import click

from gradcmp.cli import options
from gradcmp.cli.terminal import put


@click.command(name="schema")
@options.debug
def command() -> None:
    """Print the JSON Schema of the YAML configs, for editors.

    gradcmp schema > gradcmp.schema.json
    """
    from gradcmp.config import schema

    put(json.dumps(schema(), indent=2) + "\n")
