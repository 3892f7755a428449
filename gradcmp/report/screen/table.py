"""The screen: one row per tensor, one column per pair, the verdict in a sentence."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from gradcmp.case import Auto
from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Failure
from gradcmp.report.screen.arrays import arrays
from gradcmp.report.screen.detail import details
from gradcmp.report.screen.header import header
from gradcmp.report.words.ink import DISAGREE, QUIET, STRONG, UNKNOWN, Ink, cell_width, tail
from gradcmp.report.words.judgement import (
    STYLES,
    drawn,
    isolated_nodes,
    judgements,
    nature,
    nondeterministic,
    weak_checks,
)
from gradcmp.report.words.layouts import layouts
from gradcmp.report.words.sentence import MARKS, Tally, brief, findings, furthest, measure, sentence
from gradcmp.report.words.sides import WRONG, level_beside, notes, stages, unknown, wrong_in

FEW = 3  # cases that get a table each
STDERR = 8  # lines of a failed backend's stderr
GAP = 2


@dataclass(frozen=True)
class CaseTable:
    """One case on the screen, as wide as the console; a rich renderable.

    Attributes
    ----------
    verbose : bool
        Show every pair, the whole graph, every disagreement in full, and all arrays.
    """

    verdict: CaseVerdict
    verbose: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines, none of them wider than the console."""
        ink = Ink.on(console, options)
        yield from header(ink, self.verdict, self.verbose)
        if self.verbose:
            yield from arrays(ink, self.verdict)
        yield from tables(ink, self.verdict, self.verbose)
        yield from drawn(ink, judgements(self.verdict, self.verbose))
        yield from drawn(ink, stages(self.verdict))
        yield from drawn(ink, notes(self.verdict))
        yield from drawn(ink, unknown(self.verdict))
        for remark in weak_checks(self.verdict):
            yield from remark.drawn(ink)
        yield from drawn(ink, nondeterministic(self.verdict))
        yield from drawn(ink, isolated_nodes(self.verdict))
        yield from drawn(ink, layouts(self.verdict, self.verbose))
        yield from details(ink, self.verdict, self.verbose)
        yield from failures(ink, self.verdict)
        yield Text()
        yield from footer(ink, self.verdict)


@dataclass(frozen=True)
class Summary:
    """One line per case and a count; a rich renderable."""

    verdicts: Sequence[CaseVerdict]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines, none of them wider than the console."""
        ink = Ink.on(console, options)
        rows = []
        for verdict in self.verdicts:
            mark = MARKS[verdict.exit_code]
            sign = ink(f"{mark.sign} {mark.word}", mark.style)
            rows.append([sign, ink(verdict.case.name, STRONG), ink(brief(verdict))])
        yield from ink.grid(rows)
        tally = Tally.of(self.verdicts)
        mark = MARKS[tally.exit_code]
        yield from ink.wrap(ink(f"{mark.sign} {tally}", mark.style), hang=2)


def screen(verdicts: Sequence[CaseVerdict], *, verbose: bool = False) -> RenderableType:
    """Return what a person sees after a run.

    Up to `FEW` cases get a table each; of more, only the first `FEW` that do not agree do. One
    line per case follows.
    """
    full = verdicts
    if len(verdicts) > FEW and not verbose:
        full = [verdict for verdict in verdicts if verdict.exit_code is not ExitCode.AGREE][:FEW]
    parts: list[RenderableType] = []
    for verdict in full:
        parts += [CaseTable(verdict, verbose), Text()]
    return Group(*parts[:-1]) if len(verdicts) == 1 else Group(*parts, Summary(verdicts))


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Return the screen as plain text, 100 columns wide, for a file."""
    file = io.StringIO()
    Console(file=file, width=100, color_system=None).print(screen(verdicts))
    return file.getvalue()


def tables(ink: Ink, verdict: CaseVerdict, verbose: bool) -> Iterator[Text]:
    """Draw each backend against the reference, then the pairs that need showing.

    The other pairs are further columns when asked for or when all of them fit. Else those that
    disagree are drawn below, with the tensors they disagree on, and a line sums up the rest.
    """
    compared = [pair for pair, by in verdict.comparisons.items() if by]
    first = [pair for pair in compared if verdict.reference in (pair.actual, pair.expected)]
    other = [pair for pair in compared if pair not in first]
    fits = len(matrix(ink, verdict, [*first, *other])) <= max(len(matrix(ink, verdict, first)), 1)
    whole = [*first, *other] if verbose or fits else first
    yield from stack(ink, title(verdict, first, whole), matrix(ink, verdict, whole))
    if whole is first:
        yield from further(ink, verdict, other)


def further(ink: Ink, verdict: CaseVerdict, pairs: Sequence[Pair]) -> Iterator[Text]:
    """Draw the pairs that disagree, one a row, and say in a line how the others came out."""
    wrong = [found for found in verdict.disagreements if found[0] in pairs]
    drawn = [pair for pair in pairs if any(pair == found[0] for found in wrong)]
    tensors = [name for name in verdict.tensors if any(name == found[1] for found in wrong)]
    columns = [
        [ink(name, STRONG), *(cell(ink, verdict, pair, name) for pair in drawn)] for name in tensors
    ]
    names = [ink("pair", STRONG), *(ink(str(pair)) for pair in drawn)]
    yield from stack(
        ink, "backends that disagree with each other, in ULP", chunks(ink, names, columns)
    )
    if rest := [pair for pair in pairs if pair not in drawn]:
        agree = (
            "1 further pair agrees" if len(rest) == 1 else f"{len(rest)} further pairs: all agree"
        )
        yield Text()
        yield from ink.wrap(ink(f"{agree}, {furthest(findings(verdict, rest))}"), hang=2)


def title(verdict: CaseVerdict, first: Sequence[Pair], drawn: Sequence[Pair]) -> str:
    """Describe what the columns are held against."""
    held = verdict.recordings.get(verdict.reference)
    dtype = f" ({held.dtype})" if held and held.dtype else ""  # arrays from files declare none
    origin = f" from {verdict.reference}{dtype}" if held and first else ""
    others = " between backends" if len(drawn) > len(first) else ""
    return f"worst difference in ULP{origin}{', and' if origin and others else ''}{others}"


def stack(ink: Ink, title: str, tables: Sequence[Sequence[Sequence[Text]]]) -> Iterator[Text]:
    """Draw tables, given as columns, below each other."""
    for number, columns in enumerate(tables):
        yield Text()
        yield from ink.wrap(ink(f"{title}, continued" if number else title, QUIET))
        yield from ink.grid(list(zip(*columns, strict=True)))


def matrix(ink: Ink, verdict: CaseVerdict, pairs: Sequence[Pair]) -> list[list[list[Text]]]:
    """Return the tables with a row for each tensor and a column for each of the pairs."""
    names = [ink("tensor", STRONG), *map(ink, verdict.tensors)]
    columns = [
        [
            ink(heading(pair, verdict.reference), STRONG),
            *(cell(ink, verdict, pair, name) for name in verdict.tensors),
        ]
        for pair in pairs
    ]
    beside = any(verdict.reference in (pair.actual, pair.expected) for pair in pairs)
    if beside and (wrong := wrong_in(verdict)):
        told = [ink(f"✗ {WRONG}" if name in wrong else "", DISAGREE) for name in verdict.tensors]
        columns.insert(0, [ink(f"{verdict.reference}\n(the reference)", STRONG), *told])
    if columns and isinstance(verdict.case.tolerance, Auto):
        natures = [nature(ink, verdict, name) for name in verdict.tensors]
        columns.insert(0, [ink("verdict, × noise", STRONG), *natures])
    return chunks(ink, names, columns)


def chunks(ink: Ink, names: list[Text], columns: Sequence[list[Text]]) -> list[list[list[Text]]]:
    """Split columns into tables that fit the width, each of which begins with the names."""
    found: list[list[list[Text]]] = []
    room = 0
    for column in columns:
        width = GAP + max(map(cell_width, column))
        if width > room:
            found.append([names])
            room = ink.width - min(max(map(cell_width, names)), ink.width // 2)
        found[-1].append(column)
        room -= width
    return found


def heading(pair: Pair, reference: str) -> str:
    """Write a pair as the head of a narrow column: a mode or an option goes below its backend."""
    if reference in (pair.actual, pair.expected):
        text = pair.expected if pair.actual == reference else pair.actual
    else:
        text = f"{pair.actual}\n– {pair.expected}"
    return re.sub(r"([:,])(?=[a-z])", r"\n\1", text)


def cell(ink: Ink, verdict: CaseVerdict, pair: Pair, name: str) -> Text:
    """Draw one comparison; one that was never made must not look like success."""
    comparison = verdict.comparisons[pair].get(name)
    if comparison is None:
        return ink("? not compared", UNKNOWN)
    sign, style = STYLES[level_beside(verdict, pair, name)]
    return ink(f"{sign} {measure(comparison).removesuffix(' ulp')}", style)


def failures(ink: Ink, verdict: CaseVerdict) -> Iterator[Text]:
    """List the backends that gave nothing: what happened and the last they wrote."""
    for failure in verdict.failures:
        yield Text()
        yield from failed(ink, failure)


def failed(ink: Ink, failure: Failure) -> Iterator[Text]:
    """Draw one failure."""
    sign, style, optional = (
        ("✗", DISAGREE, "") if failure.required else ("–", UNKNOWN, ", optional")
    )
    text = ink(f"{sign} {failure.backend} {failure.kind}{optional}: ", style)
    yield from ink.wrap(Text.assemble(text, ink(failure.message)), hang=2)
    for line in tail(failure.stderr, STDERR):
        yield from ink.wrap(ink(f"│ {line}", QUIET), indent=2, hang=2)


def footer(ink: Ink, verdict: CaseVerdict) -> Iterator[Text]:
    """Describe the verdict in a sentence."""
    mark = MARKS[verdict.exit_code]
    word, _, rest = sentence(verdict).partition(":")
    text = Text.assemble(ink(f"{mark.sign} {word}:", mark.style), ink(rest))
    yield from ink.wrap(text, hang=2)
