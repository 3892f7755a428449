"""The screen as plain text, for reports that know neither colours nor a width."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace

from rich.console import Console, RenderableType

from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Failure
from gradcmp.report.screen.detail import details
from gradcmp.report.screen.table import CaseTable, failed
from gradcmp.report.words.faults import Finding, worst_among
from gradcmp.report.words.ink import Ink
from gradcmp.report.words.judgement import drawn, judgements
from gradcmp.report.words.sentence import located, sentence

WIDTH = 100
TENSORS = 3  # of a pair that are drawn in full
FULL = 40  # pairs and cases of one report that are drawn in full: each takes 10 ms and more


class Screen:
    """Draws verdicts as a terminal of `WIDTH` columns without colours would show them.

    The first `FULL` pairs and cases that are asked for are drawn in full; of the others a line
    says the worst.
    """

    def __init__(self) -> None:
        self._console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
        self._ink = Ink.on(self._console, self._console.options)
        self._left = FULL

    def of_case(self, verdict: CaseVerdict) -> str:
        """Draw all that the screen has on a case."""
        if self._spent():
            return sentence(verdict)
        return self._text([CaseTable(verdict)])

    def of_pair(self, verdict: CaseVerdict, pair: Pair, wrong: Iterable[Finding]) -> str:
        """Draw what disagrees between two backends."""
        if self._spent():
            return located(worst_among(wrong))
        alone = replace(verdict, comparisons={pair: verdict.comparisons[pair]})
        parts = (drawn(self._ink, judgements(alone, False)), details(self._ink, alone, TENSORS))
        return self._text(line for part in parts for line in part)

    def of_failure(self, failure: Failure) -> str:
        """Draw why a backend gave nothing, and the last that it wrote."""
        return self._text(failed(self._ink, failure))

    def _spent(self) -> bool:
        self._left -= 1
        return self._left < 0

    def _text(self, parts: Iterable[RenderableType]) -> str:
        with self._console.capture() as capture:
            self._console.print(*parts, sep="\n", end="")
        return capture.get().strip("\n")
