"""Texts in Markdown that are read as nothing but text."""

from __future__ import annotations

import re
from html import escape

from gradcmp.outside.printable import clean


def prose(text: str) -> str:
    r"""Return a text from a config on one line that is read as nothing but text.

    Markdown takes the meaning of a sign that a backslash precedes. ``$`` and a backslash begin
    formulas all the same, with links in them, but not in code.
    """
    line = clean(" ".join(text.split()))
    return re.sub(r"[$\\]+|[]!#&()*+.:<>@[_`{|}~-]", lambda found: _spelt(found[0]), line)


def _spelt(signs: str) -> str:
    if signs[0] in "$\\":
        return f"`{signs}`"
    return escape(signs) if signs in "<>&" else f"\\{signs}"


def code(text: str) -> str:
    """Return a text as code: nothing in it is markup."""
    return f"`{clean(text.replace('`', ''))}`"
