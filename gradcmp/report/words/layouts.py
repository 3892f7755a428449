"""The layouts of its arguments that make a function wrong, in words."""

from __future__ import annotations

from collections.abc import Iterator

from gradcmp.judge.verdict import CaseVerdict, Layouts, WrongLayout
from gradcmp.report.words.figures import listed
from gradcmp.report.words.judgement import Remark, facts
from gradcmp.report.words.laid import some
from gradcmp.report.words.titles import few


def layouts(verdict: CaseVerdict, verbose: bool = True) -> Iterator[Remark]:
    """Name the smallest lengths that are wrong, the layouts that are, and what was not run.

    Parameters
    ----------
    verbose : bool
        Whether to name all, and those that are right, too.
    """
    if verdict.smallest:
        yield Remark("plain", verdict.smallest)
    for label, seen in verdict.layouts.items():
        yield from wrong_layouts(label, seen, verbose)
    for label, seen in verdict.layouts.items():
        if seen.right and verbose:
            yield Remark("agree", f"{label} is right with {', '.join(seen.right)}")
        for why in dict.fromkeys(seen.left_out.values()):
            names = [words for words, reason in seen.left_out.items() if reason == why]
            yield Remark("plain", f"{label} was not run with {some(names, verbose)}: {why}")


def wrong_layouts(label: str, seen: Layouts, verbose: bool = True) -> Iterator[Remark]:
    """Return a remark for each reason why layouts are wrong; one that nobody knows is its own."""
    why = {words: _reason(words, wrong) for words, wrong in seen.wrong.items()}
    for reason in dict.fromkeys(why.values()):
        of = {words: one for words, one in seen.wrong.items() if why[words] == reason}
        shown = next((words for words, one in of.items() if one.right), next(iter(of)))
        others = [words for words in of if words != shown]
        body = f": {_laid(shown, of[shown])}"
        body += f"; and with {some(others, verbose)}" if others else ""
        below = (f"likely cause: {reason}",) if of[shown].cause else ()
        yield Remark("disagree", "LAYOUT  ", label, body, below)


def _reason(words: str, wrong: WrongLayout) -> str:
    failures = wrong.verdict.failures
    return wrong.cause or (failures[0].message if failures else words)


def _laid(words: str, wrong: WrongLayout) -> str:
    """Describe what one layout makes of a function."""
    if failures := wrong.verdict.failures:
        return f"fails with {words}: {failures[0].message}"
    parts = [f"wrong with {words}"]
    if found := wrong.worst:
        pair, name, _ = found
        told = "; ".join(facts(wrong.verdict, *found)).replace(f" ({pair})", "")
        others = [name for _, name, _ in wrong.verdict.disagreements[1:]]
        parts += [f"{name}{told}", f"{listed(few(others))} too" if others else ""]
    return "; ".join(part for part in (*parts, wrong.right) if part)
