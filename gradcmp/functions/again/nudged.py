"""Functions run again at nudged inputs, where only that tells rounding from a wrong kernel."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from gradcmp.case import DType
from gradcmp.functions.recorded import recorded
from gradcmp.inputs import round_to
from gradcmp.judge.noise.own import Run, nudged_inputs, own_noise
from gradcmp.native.side import Cotangent, Side, attempted
from gradcmp.recording import Array, Recording


def own_noise_of(
    sides: Mapping[str, Side],
    recordings: Mapping[str, Recording],
    twins: Mapping[str, Recording],
    unearned: Mapping[str, Collection[str]],
    dtype: DType,
    cotangent: Cotangent,
) -> dict[str, dict[str, Array]]:
    """Return the noise of what is unearned, by label and tensor: `CaseVerdict.unearned`.

    A function that fails at a nudged input has none, and its difference is not taken for precision.
    """
    found = {}
    for label, names in unearned.items():
        if label not in sides or label not in twins:
            continue
        side = sides[label]
        given = {**side.parameters, **side.inputs}
        runs = [
            attempted(partial(_run, label, side.at(_held(near, dtype)), dtype, cotangent), None)
            for near in nudged_inputs(given, dtype)
        ]
        whole = [run for run in runs if run]
        held = side.autocast or dtype
        found[label] = own_noise(held, (recordings[label], twins[label]), whole, names)
    return found


def _held(arrays: Mapping[str, Array], dtype: DType) -> dict[str, Array]:
    return {n: round_to(a, dtype) if a.dtype.kind == "f" else a for n, a in arrays.items()}


def _run(label: str, side: Side, dtype: DType, cotangent: Cotangent) -> Run:
    coarse = recorded(label, side, side.plain(dtype), dtype, cotangent)
    return coarse, recorded(label, side, side.clean(dtype), "float64", cotangent)
