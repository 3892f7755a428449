"""The table of a case: a row for each tensor, a column for each pair that is held together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from gradcmp.case import Auto
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.report.words.figures import count
from gradcmp.report.words.ink import DISAGREE, GAP, QUIET, STRONG, UNKNOWN, Ink
from gradcmp.report.words.judgement import STYLES, nature
from gradcmp.report.words.sentence import measure
from gradcmp.report.words.sides import WRONG, level_beside, wrong_in

ROWS = 16  # tensors of a table
NODES = "each node alone, on the reference's operands and cotangent"
PARTS = "each part alone, from tap to tap, on the reference's values and gradients"
FEW = 4  # more that are not worth a line which counts them


def tables(ink: Ink, verdict: CaseVerdict, verbose: bool) -> Iterator[RenderableType]:
    """Draw each backend against the reference, and then the pairs that need showing."""
    compared = [pair for pair, by in verdict.comparisons.items() if by]
    held = [pair for pair in compared if verdict.reference in (pair.actual, pair.expected)]
    other = [pair for pair in compared if pair not in held]
    whole = [*held, *other] if verbose or not held else held
    names, shared = rows(verdict, verbose), bool(held) and not verbose
    yield from stack(ink, title(verdict, held, whole), matrix(ink, verdict, whole, names, shared))
    if left := len(verdict.tensors) - len(names):
        yield from ink.wrap(ink(f"and {count(left, 'more tensor')} (-v)", QUIET))
    if whole is held:
        yield from apart(ink, verdict, other)


def rows(verdict: CaseVerdict, verbose: bool) -> tuple[str, ...]:
    """Return the tensors that a table shows: what is odd, and others as long as there is room."""
    names = verdict.tensors
    if verbose or len(names) <= ROWS + FEW:
        return names
    odd = {name for _, name, _ in (*verdict.disagreements, *verdict.warnings)}
    chosen = {*[*(n for n in names if n in odd), *(n for n in names if n not in odd)][:ROWS]}
    return tuple(name for name in names if name in chosen)


def apart(ink: Ink, verdict: CaseVerdict, pairs: Sequence[Pair]) -> Iterator[RenderableType]:
    """Draw the pairs that disagree in what nobody is off the reference in, one a row."""
    held = {name for pair, name, _ in verdict.disagreements if pair not in pairs}
    wrong = [one[:2] for one in verdict.disagreements if one[0] in pairs and one[1] not in held]
    tensors = dict.fromkeys(name for _, name in wrong)
    shown = list(dict.fromkeys(pair for pair, _ in wrong))
    columns = [
        [ink(name, STRONG), *(cell(ink, verdict, pair, name) for pair in shown)] for name in tensors
    ]
    names = [ink("pair", STRONG), *(ink(str(pair)) for pair in shown)]
    yield from stack(
        ink, "backends that disagree with each other, in ULP", chunks(ink, names, columns)
    )


def title(verdict: CaseVerdict, first: Sequence[Pair], drawn: Sequence[Pair]) -> str:
    """Describe what the columns are held against."""
    held = verdict.recordings.get(verdict.reference)
    dtype = f" ({held.dtype})" if held and held.dtype else ""  # arrays from files declare none
    origin = f" from {verdict.reference}{dtype}" if held and first else ""
    others = " between backends" if len(drawn) > len(first) else ""
    return f"worst difference in ULP{origin}{', and' if origin and others else ''}{others}"


def stack(
    ink: Ink, title: str, tables: Sequence[Sequence[Sequence[Text]]]
) -> Iterator[RenderableType]:
    """Draw tables, given as columns, below each other."""
    for number, columns in enumerate(tables):
        yield Text()
        yield from ink.wrap(ink(f"{title}, continued" if number else title, QUIET))
        yield from ink.grid(list(zip(*columns, strict=True)))


def matrix(
    ink: Ink, verdict: CaseVerdict, pairs: Sequence[Pair], tensors: Sequence[str], shared: bool
) -> list[list[list[Text]]]:
    """Return the tables with a row for each of the tensors and a column for each of the pairs.

    Parameters
    ----------
    shared : bool
        Whether pairs that have the same figures throughout share a column.
    """
    names = [ink("tensor", STRONG), *map(ink, tensors)]
    alike: dict[tuple[str, ...], list[Pair]] = {}
    for pair in pairs:
        figures = tuple(cell(ink, verdict, pair, name).plain for name in tensors)
        alike.setdefault(figures if shared else (str(pair),), []).append(pair)
    columns = [
        [
            ink("\n".join(heading(pair, verdict.reference) for pair in group), STRONG),
            *(cell(ink, verdict, group[0], name) for name in tensors),
        ]
        for group in alike.values()
    ]
    beside = any(verdict.reference in (pair.actual, pair.expected) for pair in pairs)
    if beside and (wrong := wrong_in(verdict)):
        told = [ink(f"✗ {WRONG}" if name in wrong else "", DISAGREE) for name in tensors]
        columns.insert(0, [ink(f"{verdict.reference}\n(the reference)", STRONG), *told])
    if columns and isinstance(verdict.case.tolerance, Auto):
        natures = [nature(ink, verdict, name) for name in tensors]
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
    return re.sub(r",(?=[a-z])", "\n,", text)


def cell(ink: Ink, verdict: CaseVerdict, pair: Pair, name: str) -> Text:
    """Draw one comparison; one that was never made must not look like success."""
    comparison = verdict.comparisons[pair].get(name)
    if comparison is None:
        return ink("? not compared", UNKNOWN)
    sign, style = STYLES[level_beside(verdict, pair, name)]
    return ink(f"{sign} {measure(comparison).removesuffix(' ulp')}", style)


def cell_width(cell: Text) -> int:
    """Return the screen width of a cell, which may have several lines."""
    return max((line.cell_len for line in cell.split()), default=0)


def isolated(ink: Ink, verdict: CaseVerdict) -> Iterator[RenderableType]:
    """Draw each node as it fared alone: a row for each, a column for each backend."""
    labels = [label for label in verdict.recordings if label != verdict.reference]
    of_code = not verdict.case.graph
    names = [ink("up to" if of_code else "node", STRONG), *map(ink, verdict.isolated)]
    columns = []
    for label in labels:
        states = (alone(verdict, node, label) for node in verdict.isolated)
        drawn = (ink(f"{sign} {word}", style) for sign, word, style in states)
        columns.append([ink(label, STRONG), *drawn])
    if columns and verdict.isolated:
        title = PARTS if of_code else NODES
        yield from stack(ink, title, chunks(ink, names, columns))


def alone(verdict: CaseVerdict, node: str, label: str) -> tuple[str, str, str]:
    """Return how a backend fares with one node: a sign, a word and a style.

    What is right alone and wrong in the whole only hands on what it was given, if that is wrong;
    else it is right only as it runs alone, of which memory, a compiler or a state may be the cause.
    """
    found = verdict.isolated[node]
    if not any(
        label in (pair.actual, pair.expected) for pair, by in found.comparisons.items() if by
    ):
        return STYLES["unknown"][0], "not isolated", STYLES["unknown"][1]
    if any(_is_off(found, pair, name, label) for pair, name, _ in found.disagreements):
        return STYLES["disagree"][0], "wrong", STYLES["disagree"][1]
    if any(label in (pair.actual, pair.expected) for pair, _, _ in found.warnings):
        return STYLES["warn"][0], "warns", STYLES["warn"][1]
    reads = (found.edges or verdict.edges).get(node, ())
    if not reads and not verdict.case.graph:  # no gradient of its end arrives anywhere
        return STYLES["unknown"][0], "not tested backwards", STYLES["unknown"][1]
    off = {n for pair, n, _ in verdict.disagreements if _is_off(verdict, pair, n, label)}
    own = off & {node, *(f"d {one}" for one in reads)}
    if own and off & {*reads, f"d {node}"}:
        return STYLES["apart"][0], "wrong input only", QUIET
    if own - _wrong_elsewhere(verdict, node, label):
        return STYLES["warn"][0], "wrong, not by itself", STYLES["warn"][1]
    return STYLES["agree"][0], "right", STYLES["agree"][1]


def _wrong_elsewhere(verdict: CaseVerdict, node: str, label: str) -> set[str]:
    """Return what is wrong in other nodes alone: a gradient that several nodes have a share in."""
    return {
        name
        for other, found in verdict.isolated.items()
        for pair, name, _ in found.disagreements
        if other != node and _is_off(found, pair, name, label)
    }


def _is_off(verdict: CaseVerdict, pair: Pair, name: str, label: str) -> bool:
    """Whether a side of a pair that disagrees is the wrong one, or may be."""
    wrong, both = verdict.wrong_sides(pair, name), (pair.actual, pair.expected)
    if wrong or label not in both or verdict.reference in both:
        return label in (wrong or both)
    held = verdict.comparisons
    apart = [
        one
        for one in both
        if (found := held.get(Pair(one, verdict.reference), {}).get(name)) and not found.agrees
    ]
    return label in (apart or both)
