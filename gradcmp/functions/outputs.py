"""Functions that do not return the same outputs: no gradient of theirs can be compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from gradcmp.functions.sides import Runs
from gradcmp.recording import Failure

T = TypeVar("T")
WAY_OUT = "Return the same outputs, by the same names or in the same order"


def other_outputs(outputs: Mapping[str, Collection[str]], against: str) -> dict[str, Failure]:
    """Return by label why a function that has not the outputs of the reference is not compared.

    A gradient is that of all outputs together, each with a cotangent of its own: one output more,
    or one of another name, makes every gradient another, and none of them wrong.

    Parameters
    ----------
    outputs : mapping of str to collection of str
        The names of what each returned, by its label.
    against : str
        The label of the reference.
    """
    expected = outputs[against]
    return {
        label: Failure(
            label,
            "error",
            f"'{label}' returns {_listed(names)}, and '{against}' {_listed(expected)}, so their "
            f"gradients cannot be compared. {WAY_OUT}.",
        )
        for label, names in outputs.items()
        if {*names} != {*expected}
    }


def with_same_outputs(runs: Runs, against: str) -> Runs:
    """Return the runs of functions that have the outputs of the reference; others have failed.

    Where the reference has failed itself, the first that ran takes its place.
    """
    if not runs.plain:
        return runs
    first = against if against in runs.plain else next(iter(runs.plain))
    failures = other_outputs({label: [*one.outputs] for label, one in runs.plain.items()}, first)
    return replace(
        runs,
        plain=without(runs.plain, failures),
        clean=without(runs.clean, failures),
        unable=without(runs.unable, failures),
        failures={**runs.failures, **failures},
    )


def without(known: Mapping[str, T], labels: Collection[str]) -> dict[str, T]:
    """Return what is known of all others."""
    return {label: one for label, one in known.items() if label not in labels}


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "nothing"
