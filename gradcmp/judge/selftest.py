"""Would a wrong gradient have been noticed? Mutants in a real recording, judged again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from gradcmp.errors import NothingComparedError
from gradcmp.graph import Graph
from gradcmp.judge.case import judge
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.mutation.mutants import MUTANTS, mutants
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Array, Recording

Fate: TypeAlias = Literal["killed", "survived", "not applicable", "disagrees without it"]

GRADIENT = "d "  # what a gradient's name begins with on screen
UNNOTICED: frozenset[Fate] = frozenset(("survived", "disagrees without it"))


def selftest(
    verdict: CaseVerdict, label: str, seed: int = 0, graph: Graph | None = None
) -> dict[str, dict[str, Fate]]:
    """Spoil every gradient of one backend's recording in every way and judge it again.

    No framework runs: the recording is the real one, and only the judge is asked. All tensors
    are spoiled in the same way at once, because each is judged by itself. The gradient of the
    output is left out: it is the cotangent, which the backend was given.

    Parameters
    ----------
    label : str
        The backend whose recording is spoiled; it is held against the reference.
    graph : Graph, optional
        That of the case, where it is known already.

    Returns
    -------
    dict of str to dict of str to str
        By tensor, by mutant: whether it was killed. Where the tensor disagrees as it is,
        nothing can be said.

    Raises
    ------
    NothingComparedError
        When one of the two has no recording, or there is no gradient for a fault.
    """
    recordings = verdict.recordings
    for needed in (verdict.reference, label):
        if needed not in recordings:
            raise NothingComparedError(
                f"'{needed}' gave no recording to inject faults into or to judge by"
            )
    right = recordings[label]
    plain = verdict.comparisons[Pair(label, verdict.reference)]
    names = [
        name.removeprefix(GRADIENT)
        for name in plain
        if name.startswith(GRADIENT) and name != GRADIENT + verdict.case.output
    ]
    rng = np.random.default_rng(seed)
    wrong = {name: mutants(right.gradients[name], rng) for name in names if name in right.gradients}
    if not any(held is not None for by in wrong.values() for held in by.values()):
        raise NothingComparedError(f"'{label}' has no gradient that a fault could be injected into")
    fates: dict[str, dict[str, Fate]] = {GRADIENT + name: {} for name in wrong}
    for mutant in MUTANTS:
        spoiled = {name: held for name, by in wrong.items() if (held := by[mutant]) is not None}
        judged = _judged(verdict, label, spoiled, graph) if spoiled else {}
        for name in wrong:
            tensor = GRADIENT + name
            fates[tensor][mutant] = (
                _fate(verdict, plain[tensor], judged[tensor])
                if name in spoiled
                else "not applicable"
            )
    return fates


def _fate(verdict: CaseVerdict, plain: Comparison, judged: Comparison) -> Fate:
    if not plain.agrees:
        return "disagrees without it"
    noticed = not judged.agrees or (verdict.case.strict and judged.verdict.warns)
    return "killed" if noticed else "survived"


def _judged(
    verdict: CaseVerdict, label: str, spoiled: Mapping[str, Array], graph: Graph | None
) -> Mapping[str, Comparison]:
    """Judge a recording with some gradients replaced; its float64 twin gets the same change."""
    right = verdict.recordings[label]
    outcomes = {
        verdict.reference: verdict.recordings[verdict.reference],
        label: replace(right, gradients={**right.gradients, **spoiled}),
    }
    twins = {key: twin for key, twin in verdict.twins.items() if key in outcomes}
    twin = twins.get(label)
    if isinstance(twin, Recording):
        changed = {
            name: twin.gradients[name] + (wrong.astype(np.float64) - right.gradients[name])
            for name, wrong in spoiled.items()
            if name in twin.gradients
        }
        twins[label] = replace(twin, gradients={**twin.gradients, **changed})
    again = judge(verdict.case, verdict.reference, outcomes, twins, graph=graph)
    return again.comparisons[Pair(label, verdict.reference)]
