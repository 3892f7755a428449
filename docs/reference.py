"""The reference of the Python API is told where each public name is defined.

mkdocstrings reads the code without running it, and there a function can hide behind a module of
its own name.
"""

from __future__ import annotations

import re

import gradcmp

NAME = re.compile(r"(?<=^::: )gradcmp\.(\w+)$|(?<=\]\[)gradcmp\.(\w+)(?=\])", re.M)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Write the public names of a page in full."""
    return NAME.sub(in_full, markdown)


def in_full(match: re.Match[str]) -> str:
    """Return where a public name is defined: ``gradcmp.api.run`` for ``gradcmp.run``."""
    found = getattr(gradcmp, match[1] or match[2])
    return f"{found.__module__}.{found.__qualname__}"
