"""What the page knows of one case, in as many bytes as it is given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.outside.printable import clean
from gradcmp.recording import Failure
from gradcmp.report.answer.build import answer
from gradcmp.report.answer.records import Answer
from gradcmp.report.json import strict
from gradcmp.report.page.answers import told
from gradcmp.report.page.case_yaml import case_yaml
from gradcmp.report.page.maps import further_maps, heat_map, shortened
from gradcmp.report.page.matrix import cell
from gradcmp.report.screen.detail import row
from gradcmp.report.words.faults import severity
from gradcmp.report.words.ink import tail
from gradcmp.report.words.judgement import (
    facts,
    isolated_nodes,
    judgements,
    nondeterministic,
    weak_checks,
)
from gradcmp.report.words.layouts import layouts
from gradcmp.report.words.sides import notes, stages, unknown

VIEWS = 6  # pairs of one tensor that are drawn
STDERR = 40  # lines
UNKNOWN = 100  # tensors that one side did not give and that have a row
MAPS = 300_000  # bytes for the maps of two axes of one comparison
CLIP = 80  # characters of an expression beside its node
LETTER_OF = {"disagree": "d", "warn": "w", "unknown": "u", "agree": "a", "plain": "-"}

Found = tuple[Pair, Comparison]
Drawn = tuple[dict[str, Any], Pair, str, Comparison]  # a view, and what it is of


def of_case(verdict: CaseVerdict, room: int, answered: Answer | None = None) -> dict[str, Any]:
    """Return the facts of a case in about `room` bytes: what is wrong first, its pictures last.

    Parameters
    ----------
    answered : Answer, optional
        The answer of the case, where it is known already.
    """
    base = legible(
        {
            "answer": told(answered or answer(verdict)),
            "rule": "; ".join(filter(None, (verdict.not_auto, *verdict.untold))),
            "said": list(said(verdict)),
            "unknown": list(not_given(verdict))[:UNKNOWN],
            "unknown_left": max(len(list(not_given(verdict))) - UNKNOWN, 0),
            "yaml": case_yaml(verdict.case)[: max(room // 3, 1000)],
            "place": str(verdict.case.where or ""),
            "pairs": [(pair.actual, pair.expected) for pair in verdict.comparisons],
            "cells": [
                (seen.letter, seen.text)
                for seen in (cell(verdict, pair) for pair in verdict.comparisons)
            ],
            "firsts": firsts(verdict),
            "graph": graph(verdict),
            "backends": [
                {
                    "label": label,
                    "dtype": recording.dtype,
                    "timings": recording.timings,
                    "environment": {
                        **recording.environment,
                        **(recording.origin.recorder if recording.origin else {}),
                    },
                }
                for label, recording in verdict.recordings.items()
            ],
            "failures": [failure(lost) for lost in verdict.failures],
        }
    )
    tensors, left = of_tensors(verdict, room - size(base))
    return {**base, "tensors": tensors, "left": left}


def of_tensors(verdict: CaseVerdict, room: int) -> tuple[list[dict[str, Any]], int]:
    """Return every tensor with the pairs that are drawn of it, and how many found no room.

    What fails comes first, then what warns; of each tensor its worst pair before the others. The
    pictures share what room the figures leave.
    """
    numbers = {pair: number for number, pair in enumerate(verdict.comparisons)}
    tensors: list[dict[str, Any]] = []
    wanted = []
    for name in verdict.tensors:
        tensor: dict[str, Any] = {
            "name": clean(name),
            "signs": signs(verdict, name),
            "views": [],
        }
        tensors.append(tensor)
        for rank, (pair, comparison) in enumerate(worth(verdict, name)):
            order = (comparison.agrees, not comparison.verdict.warns, rank)
            wanted.append((order, pair, name, comparison, tensor))
    for name in dict.fromkeys(name for _, _, name in islice(not_given(verdict), UNKNOWN)):
        tensors.append({"name": clean(name), "signs": signs(verdict, name), "views": []})
    wanted.sort(key=lambda want: want[0])
    room -= size(tensors)
    drawn: list[Drawn] = []
    for _, pair, name, comparison, tensor in wanted:
        view = {"pair": numbers[pair], **of_view(verdict, pair, name, comparison)}
        room -= size(view)
        if room < 0:
            break
        tensor["views"].append(view)
        drawn.append((view, pair, name, comparison))
    for done, (view, pair, name, comparison) in enumerate(drawn):
        picture = heat_map(verdict, pair, name, comparison, room // (len(drawn) - done))
        if picture is not None:
            view["maps"] = [compact(picture)]  # text: read when it is drawn, and written once
            room -= len(view["maps"][0])
    add_planes(verdict, [one for one in drawn if one[0]["sign"] != "a" and "maps" in one[0]], room)
    return tensors, len(wanted) - len(drawn)


def add_planes(verdict: CaseVerdict, drawn: Sequence[Drawn], room: int) -> None:
    """Add maps of two axes each, of what fails or warns and has more, while there is room."""
    for done, (view, pair, name, comparison) in enumerate(drawn):
        mine = min(room // (len(drawn) - done), MAPS)
        for picture in further_maps(verdict, pair, name, comparison, mine):
            view["maps"].append(compact(picture))
            room -= len(view["maps"][-1])


def worth(verdict: CaseVerdict, name: str) -> list[Found]:
    """Return the pairs of a tensor that are worth a view: all that fail or warn, else the worst.

    Of pairs between the same two groups of backends, which computed the same, the worst is one.
    """
    found = [(pair, by[name]) for pair, by in verdict.comparisons.items() if name in by]
    odd = [item for item in found if letter(item[1]) != "a"]
    if not odd:
        return [max(found, key=lambda item: severity(item[1]))]
    groups: dict[tuple[tuple[str, ...], ...], Found] = {}
    for item in sorted(odd, key=lambda item: severity(item[1]), reverse=True):
        sides = tuple(sorted(grouped(verdict, name, item[0])))
        alone = ((item[0].actual,), (item[0].expected,))
        groups.setdefault(sides if sides[0] != sides[1] else alone, item)
    return list(groups.values())[:VIEWS]


def grouped(verdict: CaseVerdict, name: str, pair: Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return for each side of a pair all backends that computed the same as it."""
    groups = verdict.groups.get(name)
    of = (
        {label: group.labels for group in groups.groups for label in group.labels} if groups else {}
    )
    return of.get(pair.actual, (pair.actual,)), of.get(pair.expected, (pair.expected,))


def signs(verdict: CaseVerdict, name: str) -> str:
    """Return one letter for each pair: agrees, warns, disagrees, unknown, or ``-`` for nothing."""
    return "".join(
        letter(by[name]) if name in by else "u" if name in verdict.not_given.get(pair, ()) else "-"
        for pair, by in verdict.comparisons.items()
    )


def letter(comparison: Comparison) -> str:
    """Return the verdict as one letter: ``a``, ``w`` or ``d``."""
    if not comparison.agrees:
        return "d"
    return "w" if comparison.verdict.warns else "a"


def of_view(verdict: CaseVerdict, pair: Pair, name: str, comparison: Comparison) -> dict[str, Any]:
    """Return one comparison: its figures as on screen, its octaves."""
    groups = verdict.groups.get(name)
    said = "; ".join(part.strip() for part in facts(verdict, pair, name, comparison))
    return {
        "names": legible([", ".join(labels) for labels in grouped(verdict, name, pair)]),
        "row": row(comparison),
        "sign": letter(comparison),
        "said": legible(said),
        "reason": comparison.verdict.reason,
        "wrong": legible(groups.wrong if groups else verdict.wrong_sides(pair, name)),
        "rule": comparison.rule,
        "excess": strict(shortened(comparison.worst.excess)) if comparison.worst else None,
        "octaves": comparison.statistics.ulp_histogram,
        "nonfinite": comparison.statistics.nonfinite,
    }


def not_given(verdict: CaseVerdict) -> Iterator[tuple[int, str, str]]:
    """Return what one side did not give: the number of the pair, the side, the tensor."""
    for number, pair in enumerate(verdict.comparisons):
        for name in verdict.not_given.get(pair, ()):
            given = verdict.recordings[pair.actual].tensors
            yield number, pair.expected if name in given else pair.actual, name


def said(verdict: CaseVerdict) -> Iterator[tuple[str, str]]:
    """Return the remarks of the screen, each with its letter; causes follow what they explain."""
    for remark in (
        *judgements(verdict, True),
        *stages(verdict),
        *notes(verdict),
        *unknown(verdict),
        *nondeterministic(verdict),
        *weak_checks(verdict),
        *isolated_nodes(verdict),
        *layouts(verdict),
    ):
        yield LETTER_OF[remark.level], clean(remark.text)
        yield from (("-", clean(line)) for line in remark.below)


def firsts(verdict: CaseVerdict) -> list[tuple[object, ...]]:
    """Return for each pair that parts the tensors where it first does, each on a way of its own."""
    parts = [
        (i, *dict.fromkeys(one.origin for one in by.values() if one.origin))
        for i, pair in enumerate(verdict.comparisons)
        if (by := verdict.divergences.get(pair))
    ]
    return [part for part in parts if len(part) > 1]


def graph(verdict: CaseVerdict) -> list[tuple[str, str, Sequence[str]]]:
    """Return every input and node with the text that made it and the names that it reads."""
    case = verdict.case
    if not case.graph:
        return []
    inputs = [(name, spec.kind, ()) for name, spec in case.inputs.items()]
    nodes = [
        (name, clip(expression.text), tuple(verdict.edges.get(name, ())))
        for name, expression in case.graph.items()
    ]
    return [*inputs, *nodes]


def clip(text: str) -> str:
    """Shorten a text to what fits beside a node."""
    return text if len(text) <= CLIP else text[: CLIP - 1] + "…"


def failure(lost: Failure) -> dict[str, Any]:
    """Return why a backend computed nothing, with the end of what it said."""
    return {
        "backend": lost.backend,
        "kind": lost.kind,
        "message": lost.message,
        "stderr": "\n".join(line[:400] for line in tail(lost.stderr, STDERR)),
    }


def legible(fact: Any) -> Any:
    """Make facts strict JSON in which no text can steer the direction or place of another."""
    if isinstance(fact, str):
        return "\n".join(map(clean, fact.split("\n")))
    if isinstance(fact, dict):
        return {legible(key): legible(value) for key, value in fact.items()}
    if isinstance(fact, (list, tuple)):
        return [legible(value) for value in fact]
    return strict(fact)


def size(fact: Any) -> int:
    """Return the bytes that facts take in the file."""
    return len(compact(fact))


def compact(fact: Any) -> str:
    """Write facts as JSON without a space."""
    return json.dumps(fact, separators=(",", ":"), allow_nan=False)
