"""Prints what was measured: false alarms, and the share of live mutants that are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from benchmarks.judging.mutants import STRUCTURAL
from benchmarks.judging.results import ALONE, WITH, WITHOUT, Killed, Measured
from benchmarks.judging.rivals import RIVALS

ALARMS = ("bug", "suspect", "non-finite", "range", "missing", "dtype", "shape")
COLUMNS = (STRUCTURAL, "one 1e-3", "one 1e-4", "one 1e-5", "all 1e-5")
SIZES = ((3, 10), (10, 30), (30, 100), (100, float("inf")))  # multiples of the actual noise
PLAIN = (100.0, 1000.0)  # times the actual noise: what one dtype alone may tell of itself


def lines(measured: Measured) -> Iterator[str]:
    """Return the report of one dtype in Markdown."""
    judged, killed = measured.judged, measured.killed
    yield from rules(measured)
    yield ""
    for what in (WITHOUT, WITH):
        yield f"Verdicts on correct pairs, {what}: {_counts(j.verdicts[what] for j in judged)}"
    for what in (WITHOUT, WITH, ALONE):
        yield f"Verdicts on live mutants, {what}: {_counts(k.verdicts[what] for k in killed)}"
    for what in (WITHOUT, ALONE):
        yield f"Found {what} by size of the effect in units of the actual noise: " + ", ".join(
            f"{low:g}–{high:g}: {_share(_found(killed, what, low, high))}" for low, high in SIZES
        )
    if measured.tightness:
        low, middle, high = np.quantile(measured.tightness, (0.1, 0.5, 0.9))
        yield (
            f"The noise is {middle:.2f} times the actual RMS error in the median "
            f"(10–90 %: {low:.2f}–{high:.2f})"
        )


def rules(measured: Measured) -> Iterator[str]:
    """Return what each rule says of the correct pairs and of the mutants, a table in Markdown."""
    judged, killed = measured.judged, measured.killed
    wrong = sum(one.mutant.kind == STRUCTURAL for one in killed)
    yield f"{len(judged)} correct pairs, {len(killed)} live mutants, {wrong} of them structural"
    yield ""
    yield "| rule | false alarms | structural | " + " | ".join(COLUMNS[1:]) + " | all mutants |"
    yield "|---" * (len(COLUMNS) + 3) + "|"
    for rival in RIVALS:
        yield _row(
            rival.name,
            [not one.passed[rival.name] for one in judged],
            killed,
            lambda one, name=rival.name: not one.passed[name],
        )
    for what in (WITHOUT, WITH):
        yield _row(
            f"gradcmp auto, {what}",
            [one.verdicts[what] in ALARMS for one in judged],
            killed,
            lambda one, what=what: one.found(what),
        )
    for least in (0.0, *PLAIN):
        those = [one for one in killed if one.size >= least]
        beyond = f", from {least:g} × the noise on" if least else ""
        yield _row(f"gradcmp auto, bug {ALONE}{beyond}", [], those, lambda one: one.found(ALONE))


def edge_lines(measured: Measured) -> Iterator[str]:
    """Return a row for each kind of case on the edge, a table in Markdown."""
    yield f"| case | correct pairs | mutants | {WITHOUT} | {WITH} | {ALONE} |"
    yield "|---" * 6 + "|"
    for kind in sorted({one.case.split()[0] for one in measured.judged}):
        pairs = [j for j in measured.judged if j.case.startswith(f"{kind} ")]
        kills = [k for k in measured.killed if k.case.startswith(f"{kind} ")]
        plain = [k for k in kills if k.size >= PLAIN[0]]
        shares = [_share([k.found(what) for k in kills]) for what in (WITHOUT, WITH)]
        alone = f"{_share([k.found(ALONE) for k in plain])} of {len(plain)}"
        told, name = _counts(j.verdicts[WITH] for j in pairs), kind.replace("_", " ")
        yield f"| {name} | {told} | {len(kills)} | {' | '.join(shares)} | {alone} |"


def hard_lines(measured: Measured) -> Iterator[str]:
    """Return the verdicts on the hard blocks, each with its own."""
    blocks = sorted({one.case.split()[0] for one in measured.judged})
    for block in blocks:
        for what in (WITHOUT, WITH):
            pairs = (j.verdicts[what] for j in measured.judged if j.case.startswith(f"{block} "))
            kills = (k.verdicts[what] for k in measured.killed if k.case.startswith(f"{block} "))
            yield (
                f"Hard block {block}, {what}: correct pairs {_counts(pairs)}; "
                f"mutants {_counts(kills)}"
            )


def anomalies(measured: Measured) -> Iterator[str]:
    """Name every false alarm, and every mutant that was missed and should not have been."""
    for one in measured.judged:
        if {*one.verdicts.values()} & {*ALARMS, "note"}:
            yield f"alarm: {one.case}, {one.pair}: {one.verdicts}, {one.loudest}"
    for kill in measured.killed:
        missed = [what for what in kill.verdicts if not kill.found(what)]
        plain = kill.size >= PLAIN[0] and ALONE in missed
        if WITH in missed or plain or (WITHOUT in missed and kill.mutant.kind == STRUCTURAL):
            yield (
                f"missed: {kill.case}, {kill.backend}: {kill.mutant.kind}, "
                f"{kill.mutant.name}, {kill.size:.3g} x noise: {kill.verdicts}"
            )


def _found(killed: Iterable[Killed], what: str, low: float, high: float) -> list[bool]:
    return [k.found(what) for k in killed if low <= k.size < high]


def _row(
    name: str, alarms: list[bool], killed: Sequence[Killed], found: Callable[[Killed], bool]
) -> str:
    by_kind = [[found(k) for k in killed if k.mutant.kind == kind] for kind in COLUMNS]
    everything = [found(k) for k in killed]
    cells = [_percent(alarms), *map(_share, by_kind), _share(everything)]
    return f"| {name} | " + " | ".join(cells) + " |"


def _percent(flags: list[bool]) -> str:
    return f"{sum(flags)} ({100 * sum(flags) / len(flags):.2f} %)" if flags else "–"


def _share(flags: list[bool]) -> str:
    return f"{sum(flags) / len(flags):.4f}" if flags else "–"


def _counts(verdicts: Iterable[str]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts).most_common())
