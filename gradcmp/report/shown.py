"""A verdict or a comparison in Python: a line, plain text, or HTML for a notebook."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.report.screen.several import screen
from gradcmp.report.words.figures import short
from gradcmp.report.words.ink import AGREE, DISAGREE
from gradcmp.report.words.places import index
from gradcmp.report.words.sentence import sentence

WIDTH = 100
PRE = (
    '<pre style="font-family: Menlo, Consolas, monospace; line-height: 1.25; color: inherit; '
    'background: none; white-space: pre; overflow-x: auto">{code}</pre>'
)

# Colours of a terminal, in an order of its own, that are readable on white and on black.
GREY, RED, GREEN, YELLOW = (128, 128, 128), (214, 56, 56), (38, 150, 72), (178, 128, 0)
BLUE, MAGENTA, CYAN = (56, 120, 214), (170, 80, 190), (0, 140, 150)
BLACK, WHITE, HUES = (0, 0, 0), (255, 255, 255), [RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN]
BOTH = TerminalTheme(WHITE, BLACK, [BLACK, *HUES, WHITE], [GREY, *HUES, WHITE])


def line(shown: CaseVerdict | Comparison) -> str:
    """Return one line."""
    name = type(shown).__name__
    if isinstance(shown, Comparison):
        return f"<{name} {_first(shown)}>"
    return f"<{name} {shown.case.name!r}: {' '.join(sentence(shown).split())}>"


def text(shown: CaseVerdict | Comparison) -> str:
    """Return the screen without colours."""
    file = io.StringIO()
    Console(file=file, width=WIDTH, color_system=None).print(_drawn(shown))
    return file.getvalue().rstrip("\n")


def html(shown: CaseVerdict | Comparison) -> str:
    """Return the screen in colours that are readable on a light and on a dark page."""
    console = Console(
        file=io.StringIO(), width=WIDTH, record=True, force_terminal=True, color_system="standard"
    )
    console.print(_drawn(shown))
    found: str = console.export_html(inline_styles=True, code_format=PRE, theme=BOTH)
    return found


def _drawn(shown: CaseVerdict | Comparison) -> RenderableType:
    if isinstance(shown, CaseVerdict):
        return screen([shown])
    style = AGREE if shown.agrees else DISAGREE
    sign = "✓" if shown.agrees else "✗"
    head = Text.assemble((f"{sign} {_first(shown)}", style))
    return Text("\n").join([head, *(Text(f"  {one}") for one in _rest(shown))])


def _first(seen: Comparison) -> str:
    """Return what came of it, how many elements, and the worst of them."""
    word = "agree" if seen.agrees else "disagree"
    reason = f" ({seen.verdict.reason})" if seen.verdict.reason else ""
    if not seen.total:
        return f"{word}{reason}: nothing was compared"
    if seen.agrees:
        return f"{word}{reason}: {seen.total} elements"
    return f"{word}{reason}: {seen.disagreeing} of {seen.total} elements"


def _rest(seen: Comparison) -> Iterator[str]:
    if seen.verdict.detail:
        yield seen.verdict.detail
    yield f"rule {seen.rule}"
    if (worst := seen.worst) is not None:
        at = f" at {index(worst.index)}" if worst.index else ""
        yield (
            f"worst{at}: actual {worst.actual!r}, expected {worst.expected!r}, "
            f"difference {short(worst.absolute)}, allowed {short(worst.allowed)}"
        )
