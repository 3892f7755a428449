"""Which text may be shown: nothing in it steers a terminal or a CI system, from wherever."""

from __future__ import annotations

import codecs
import re
import unicodedata

UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, bidi and other formatting, surrogate, separator
# A line that GitHub obeys, and what it, Azure Pipelines and TeamCity obey anywhere in a line.
COMMAND = re.compile(r"^([^\S\n]*):(?=:)|#(?=#(?:\[|vso\[|teamcity\[))", re.MULTILINE)
READABLE = "gradcmp-readable"  # what `str.encode` is told to do with what an encoding lacks
LETTERS = {
    "✓": "ok",
    "✗": "NO",
    "≠": "/=",
    "–": "-",
    "−": "-",
    "·": "*",  # between factors of a rule
    "×": "x",
    "⋅": ".",  # of the heat map
    "…": "...",
    "│": "|",
}


def clean(text: str) -> str:
    """Write a text on one line in which nothing can steer a terminal: ``\\x1b`` is spelt out."""
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in UNSEEN else c
        for c in text
    )


def clean_lines(text: str) -> str:
    """Write a text whose newlines are meant, and every line of it as `clean` does."""
    return text if text.isprintable() else "\n".join(map(clean, text.split("\n")))


def unobeyed(text: str) -> str:
    """Write lines in which no CI system finds a command: its first sign is spelt out."""
    return COMMAND.sub(lambda found: f"{found[1] or ''}\\x{ord(found[0][-1]):02x}", text)


def fitting(text: str, encoding: str) -> str:
    """Return a text in the characters that an encoding has: others by letters that look alike."""
    return text.encode(encoding, READABLE).decode(encoding)


def _readable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(map(_alike, lost)), error.end


def _alike(character: str) -> str:
    """Return a character in ASCII: by our own table, or without its accent, or ``?``."""
    if character in LETTERS:
        return LETTERS[character]
    base = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return base or "?"


codecs.register_error(READABLE, _readable)
