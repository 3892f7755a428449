"""Which layouts of its arguments make a function wrong, by name."""

from __future__ import annotations

from collections.abc import Sequence

from gradcmp.judge.verdict import CaseVerdict

SOME = 3  # layouts that are named


def wrong_layouts(verdict: CaseVerdict) -> list[str]:
    """Name, for each function, the layouts of its arguments that make it wrong."""
    return [
        f"{label} is wrong with {some([*seen.wrong])}"
        for label, seen in verdict.layouts.items()
        if seen.wrong
    ]


def some(words: Sequence[str], verbose: bool = False) -> str:
    """Name a few layouts and count the rest; all of them if `verbose`."""
    shown = words if verbose or len(words) <= SOME + 1 else words[:SOME]
    rest = f" and {len(words) - len(shown)} more layouts" if len(shown) < len(words) else ""
    return f"{', '.join(shown)}{rest}"
