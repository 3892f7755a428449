"""What disagrees, element by element: where, each backend's value, by how much, what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.report.screen.heatmap import drawable, legend, pictures
from gradcmp.report.words.faults import Fault, severity
from gradcmp.report.words.figures import align, count, short, ulp
from gradcmp.report.words.ink import DISAGREE, QUIET, STRONG, Ink, Trimmed
from gradcmp.report.words.places import holds, index, shape, value

PLACES = 2  # worst elements of one tensor at which all backends' values are shown
NAMES = 10  # tensors that are named when they are not shown

Wrong = list[tuple[Pair, Comparison]]


def details(ink: Ink, verdict: CaseVerdict, limit: int | None = None) -> Iterator[RenderableType]:
    """Draw every tensor that disagrees, or the first few, where it began."""
    found: dict[str, Wrong] = {name: [] for name in verdict.tensors}
    for pair, name, comparison in verdict.disagreements:
        found[name].append((pair, comparison))
    found = dict(sorted(((n, w) for n, w in found.items() if w), key=_is_missing))  # stable
    shown = list(found)[:limit]
    for name in shown:
        yield Text()
        yield from tensor(ink, verdict, name, found[name])
    if any(drawable(comparison) for name in shown for _, comparison in found[name]):
        yield Text()
        yield from legend(ink)
    if rest := list(found)[len(shown) :]:
        names = ", ".join(rest[:NAMES]) + (" …" if len(rest) > NAMES else "")
        verb = "tensor disagrees" if len(rest) == 1 else "tensors disagree"
        more = ink(f"{len(rest)} more {verb}: {names}")
        yield Text()
        yield from ink.wrap(Text.assemble(ink("✗ ", DISAGREE), more), hang=2)


def pictured(ink: Ink, faults: Sequence[Fault]) -> Iterator[RenderableType]:
    """Draw the heat map of each fault that has one, unless it is the same everywhere."""
    shown = [one for one in faults if not one.comparison.agrees and drawable(one.comparison)]
    shown = [one for one in shown if one.comparison.disagreeing < one.comparison.total]
    if not shown:
        return
    inner = ink.narrower(2)
    blocks = []
    for fault in shown:
        title = ink(f"{fault.name}, {fault.pair}", QUIET)
        (block,) = pictures(inner, [(fault.pair, fault.comparison)])
        blocks.append([title, *block[1:]])
    yield from side_by_side(blocks)
    yield Text()
    yield from legend(ink)


def _is_missing(item: tuple[str, Wrong]) -> bool:
    return all(comparison.verdict.reason == "missing" for _, comparison in item[1])


def tensor(ink: Ink, verdict: CaseVerdict, name: str, wrong: Wrong) -> Iterator[RenderableType]:
    """Draw one tensor: the pairs, the values at their worst elements, a heat map when small.

    Pairs with the reference come first.
    """
    wrong = sorted(wrong, key=lambda item: severity(item[1]), reverse=True)
    wrong.sort(key=lambda item: verdict.reference not in (item[0].actual, item[0].expected))
    pairs = sum(name in by for by in verdict.comparisons.values())
    where = ink(f" disagrees in {len(wrong)} of {count(pairs, 'pair')}")
    title = Text.assemble(ink("✗ ", DISAGREE), ink(name, STRONG), where)
    yield from ink.wrap(title, hang=2)
    yield from measured(ink, wrong)
    for note in dict.fromkeys(why(comparison) for _, comparison in wrong):
        yield from ink.wrap(ink(note, QUIET), 2, 2)
    places = [comparison.worst.index for _, comparison in wrong if comparison.worst]
    inner = ink.narrower(2)
    block = list(values(inner, verdict, name, list(dict.fromkeys(places))[:PLACES]))
    yield from side_by_side([block, *pictures(inner, wrong)])


def side_by_side(blocks: Sequence[Sequence[RenderableType]]) -> Iterator[RenderableType]:
    """Set blocks of lines beside each other as long as they fit, after an empty line."""
    for block in blocks:
        for line in block:
            if isinstance(line, Text):
                line.overflow = "fold"  # never cut
    if shown := [Group(*block) for block in blocks if block]:
        yield Text()
        yield Trimmed(Padding(Columns(shown, padding=(0, 4)), (0, 0, 0, 2)))


def measured(ink: Ink, wrong: Wrong) -> Iterator[RenderableType]:
    """Draw a row for each pair: how many elements, and the worst of them."""
    heads = ("pair", "disagree", "worst at", "difference", "relative", "ulp", "allowed")
    rows = [[ink(head, QUIET) for head in heads]]
    for pair, comparison in wrong:
        rows.append([ink(f"{pair}"), *map(ink, row(comparison))])
    yield from ink.grid(rows, indent=2, right=(1, 3, 4, 5, 6))


def row(comparison: Comparison) -> tuple[str, ...]:
    """Write what is known of one comparison beside its pair."""
    worst = comparison.worst
    if worst is None:
        return (comparison.verdict.reason, "", "", "", "", "")
    return (
        f"{comparison.disagreeing}/{comparison.total} {share(comparison)}",
        index(worst.index),
        short(worst.absolute),
        short(worst.relative),
        ulp(worst.ulp),
        short(worst.allowed),
    )


def why(comparison: Comparison) -> str:
    """Describe the reason and the rule in full, and the largest ULP if it is elsewhere."""
    worst, verdict, found = comparison.worst, comparison.verdict, comparison.statistics
    text = f"{verdict.reason}: {verdict.detail}" if verdict.detail else verdict.reason
    if worst and ulp(found.max_ulp) != ulp(worst.ulp):
        text += f"; elsewhere up to {ulp(found.max_ulp)} ulp"
    if found.cosine is not None and not comparison.agrees:
        text += f"; cosine {found.cosine:.6f}"
        text += f", norms {short(found.norm_actual)} and {short(found.norm_expected)}"
    return f"{text}; rule {comparison.rule}"


def share(comparison: Comparison) -> str:
    """Write the share of elements that disagree: never 0% when one does, 100% only when all do."""
    percent = 100 * comparison.share
    if 99.5 <= percent < 100:
        return ">99%"
    return f"{percent:.0f}%" if percent >= 1 else f"{percent:.1g}%"


def values(
    ink: Ink, verdict: CaseVerdict, name: str, places: Sequence[tuple[int, ...]]
) -> Iterator[RenderableType]:
    """Draw what every backend has at the worst elements, to the last digit of its dtype."""
    if not places:
        return
    labels = list(verdict.recordings)
    groups = verdict.groups.get(name)
    wrong = groups.wrong if groups else ()
    heads = (ink(label, DISAGREE if label in wrong else "") for label in labels)
    columns = [[ink("value at", QUIET), *heads]]
    for place in places:
        texts = [element(verdict, label, name, place) for label in labels]
        columns.append([ink(index(place), QUIET), *map(ink, align(texts))])
    yield from ink.grid(list(zip(*columns, strict=True)))


def element(verdict: CaseVerdict, label: str, name: str, place: tuple[int, ...]) -> str:
    """Write one element of one backend, or why there is none."""
    array = verdict.recordings[label].tensors.get(name)
    if array is None:
        return "missing"
    return value(array, place) if holds(array.shape, place) else f"shape {shape(array.shape)}"
