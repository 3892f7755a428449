"""Letters that an encoding lacks, and commands of a CI service."""

import pytest

from gradcmp.outside.printable import READABLE, fitting, unobeyed


def test_letters_that_look_alike():
    assert fitting("✓ Größe − é ∂ 勾配", "ascii") == "ok Gro?e - e ? ??"
    assert fitting("✓ Größe × ∂", "latin-1") == "ok Größe × ?"
    assert fitting("✓ ∂", "utf-8") == "✓ ∂"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", READABLE)


def test_what_is_no_command_stays():
    for text in ("a::b", "a ::b", "## title", "x ## [y]", ": a", "case.yaml:3: a"):
        assert unobeyed(text) == text
    assert unobeyed("  ::a\n::b ##[c") == "  \\x3a:a\n\\x3a:b \\x23#[c"
