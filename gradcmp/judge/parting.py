"""Where two backends first part."""

from __future__ import annotations

from gradcmp.judge.records import CaseVerdict, Pair


def first_parts(verdict: CaseVerdict, pair: Pair) -> tuple[str | None, str | None]:
    """Give the first node whose values part, going forward, and the first gradient, going back.

    Gradients are named as on screen: ``d node1``.
    """
    wrong = [name for name, c in verdict.comparisons[pair].items() if not c.agrees]
    forward = next((name for name in wrong if not name.startswith("d ")), None)
    backward = next((name for name in wrong if name.startswith("d ")), None)
    return forward, backward
