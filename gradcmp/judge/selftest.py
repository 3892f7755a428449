"""Would a wrong gradient have been noticed? Mutants in a real recording, judged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from gradcmp.case import DType
from gradcmp.derivatives import is_derived
from gradcmp.errors import NothingComparedError
from gradcmp.graph import Graph
from gradcmp.judge.case import judge
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.mutation.mutants import MUTANTS, Change, changes
from gradcmp.judge.noise.own import Run, own_noise
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Array, Outcome, Recording

Fate: TypeAlias = Literal["killed", "survived", "not applicable", "disagrees without it"]

GRADIENT = "d "  # what a gradient's name begins with on screen
UNNOTICED: frozenset[Fate] = frozenset(("survived", "disagrees without it"))


def selftest(
    verdict: CaseVerdict,
    label: str,
    seed: int = 0,
    graph: Graph | None = None,
    nudged: Sequence[Run] | None = None,
) -> dict[str, dict[str, Fate]]:
    """Spoil every gradient of one backend's recording in every way and judge it again.

    What the case asks for beyond the gradient is spoiled as well.

    No framework runs: the recording is the real one, and only the judge is asked. All tensors
    are spoiled in the same way at once, because each is judged by itself. The gradient of the
    output is left out: it is the cotangent, which the backend was given.

    Parameters
    ----------
    label : str
        The backend whose recording is spoiled; it is held against the reference.
    graph : Graph, optional
        That of the case, where it is known already.
    nudged : sequence of pair of Recording, optional
        The backend at nudged inputs, in its dtype and in float64. With them a fault is in its
        dtype alone, at the nudged inputs as well, and the float64 runs stay right: such a fault
        has to fail, and is no *precision*. Without them it is in both.

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
        name
        for name in plain
        if name.startswith(GRADIENT) or is_derived(name)
        if name != GRADIENT + verdict.case.output
    ]
    rng = np.random.default_rng(seed)
    wrong = {name: changes(right.tensors[name], rng) for name in names if name in right.tensors}
    if not any(change is not None for by in wrong.values() for change in by.values()):
        raise NothingComparedError(f"'{label}' has no gradient that a fault could be injected into")
    alone = nudged is not None
    fates: dict[str, dict[str, Fate]] = {name: {} for name in wrong}
    for mutant in MUTANTS:
        faults = {name: change for name, by in wrong.items() if (change := by[mutant]) is not None}
        outcome, twin = (
            _in_both(right, verdict.twins.get(label), faults)
            if nudged is None
            else _in_one(right, verdict.twins.get(label), faults, nudged)
        )
        judged = _judged(verdict, label, outcome, twin, graph) if faults else {}
        for name in wrong:
            fates[name][mutant] = (
                _fate(plain[name], judged[name], verdict.case.strict and not alone)
                if name in faults
                else "not applicable"
            )
    return fates


def _fate(plain: Comparison, judged: Comparison, strict: bool) -> Fate:
    if not plain.agrees:
        return "disagrees without it"
    noticed = not judged.agrees or (strict and judged.verdict.warns)
    return "killed" if noticed else "survived"


def _in_both(
    right: Recording, twin: Outcome | None, faults: Mapping[str, Change]
) -> tuple[Recording, Outcome | None]:
    """Return the recording with some gradients spoiled; its float64 twin gets the same change."""
    spoiled = _spoiled(right, faults)
    if not isinstance(twin, Recording):
        return spoiled, twin
    changed = {
        name: twin.tensors[name] + (spoiled.tensors[name].astype(np.float64) - right.tensors[name])
        for name in faults
        if name in twin.tensors
    }
    return spoiled, _with(twin, changed)


def _in_one(
    right: Recording, twin: Outcome | None, faults: Mapping[str, Change], nudged: Sequence[Run]
) -> tuple[Recording, Outcome | None]:
    """Return the recording as a kernel that is wrong in its dtype alone would have made it.

    It is wrong at the nudged inputs, too, and its own noise is what that leaves.
    """
    spoiled = _spoiled(right, faults)
    if not isinstance(twin, Recording):
        return spoiled, twin
    near = [(_spoiled(coarse, faults), fine) for coarse, fine in nudged]
    dtype: DType = right.dtype  # type: ignore[assignment]
    own = own_noise(dtype, (spoiled, twin), near, [*faults])
    return replace(spoiled, own_noise={**right.own_noise, **own}), twin


def _spoiled(recording: Recording, faults: Mapping[str, Change]) -> Recording:
    return _with(recording, {n: change(recording.tensors[n]) for n, change in faults.items()})


def _with(recording: Recording, tensors: Mapping[str, Array]) -> Recording:
    """Return a recording with other tensors: gradients, or what is a value beyond them."""
    slopes = {n.removeprefix(GRADIENT): one for n, one in tensors.items() if n.startswith(GRADIENT)}
    beyond = {name: one for name, one in tensors.items() if is_derived(name)}
    return replace(
        recording,
        values={**recording.values, **beyond},
        gradients={**recording.gradients, **slopes},
    )


def _judged(
    verdict: CaseVerdict,
    label: str,
    outcome: Recording,
    twin: Outcome | None,
    graph: Graph | None,
) -> Mapping[str, Comparison]:
    """Judge what a backend would have answered with faults, against the reference."""
    outcomes = {verdict.reference: verdict.recordings[verdict.reference], label: outcome}
    twins = {key: one for key, one in verdict.twins.items() if key in outcomes}
    if twin is not None:
        twins[label] = twin
    again = judge(verdict.case, verdict.reference, outcomes, twins, graph=graph)
    return again.comparisons[Pair(label, verdict.reference)]
