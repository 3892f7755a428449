"""What one run of a user's function gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Tap:
    """A value inside of a function, and its gradient: zeros where none arrived.

    None is a gradient that nobody told, as of code that was derived by hand.
    """

    value: Array
    gradient: Array | None


@dataclass(frozen=True)
class Outcome:
    """Everything that one run of a function gave, by name.

    Attributes
    ----------
    outputs : mapping of str to array
        ``output``; ``output[0]`` and so on of a tuple; the keys of a dict.
    gradients : mapping of str to array
        Of each input and parameter that is differentiated; zeros where it is not used.
    taps : mapping of str to Tap
        By the name that the tap has, or the module: the second time ``h[1]``.
    dtypes : mapping of str to str
        In which each array was computed, by its name on screen: ``output``, ``d x``, ``h``.
    unused : set of str
        Inputs and taps that no gradient arrived at.
    bypassed : set of str
        Taps whose value is also used as it came to them, beside what they return: to hand on
        something else there leaves that as it is. Told by runs in which they are held.
    changed : set of str
        Inputs that the function changed in place; ``d output`` for a cotangent.
    frozen : set of str
        Parameters that it brings as none to differentiate by, though they were.
    dropped_casts : int
        Casts to a lower dtype that were left out, the digits kept.
    unruled : tuple of str
        Operations that have no noise rule, in the order in which they were met.
    random : bool
        Whether the function drew random numbers, as far as the framework says.
    near : int
        How many comparisons were closer than their noise, and no exact ties.
    tied : bool
        Whether a comparison was an exact tie.
    facts : mapping of str to str
        What else a recording is to tell: the mode, what was compiled and by what.
    """

    outputs: Mapping[str, Array]
    gradients: Mapping[str, Array]
    taps: Mapping[str, Tap] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    unused: frozenset[str] = frozenset()
    bypassed: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    frozen: frozenset[str] = frozenset()
    dropped_casts: int = 0
    unruled: tuple[str, ...] = ()
    random: bool = False
    near: int = 0
    tied: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def inner(self) -> dict[str, Tap]:
        """The taps that are no outputs as well: of two with one name the output counts."""
        return {name: tap for name, tap in self.taps.items() if name not in self.outputs}

    @property
    def slopes(self) -> dict[str, Array]:
        """The gradients of the taps, as far as they are known."""
        return {n: one.gradient for n, one in self.taps.items() if one.gradient is not None}

    @property
    def tensors(self) -> dict[str, Array]:
        """All arrays by their names on screen: ``output``, ``d x``, ``h``, ``d h``."""
        gradients = {f"d {name}": array for name, array in self.gradients.items()}
        values = {name: tap.value for name, tap in self.taps.items()}
        slopes = {f"d {name}": array for name, array in self.slopes.items()}
        return {**values, **slopes, **self.outputs, **gradients}


def around(clean: Outcome, runs: Sequence[Outcome], base: Outcome) -> list[Outcome]:
    """Return runs about another one than the one they were made from: each as far from it.

    Parameters
    ----------
    clean : Outcome
        What they are to lie about; of its arrays alone.
    base : Outcome
        What they lie about.
    """
    return [
        replace(
            clean,
            outputs=_about(clean.outputs, run.outputs, base.outputs),
            gradients=_about(clean.gradients, run.gradients, base.gradients),
            taps=_taps_about(clean, run, base),
            unruled=run.unruled,
            near=run.near,
            tied=run.tied,
        )
        for run in runs
    ]


def _taps_about(clean: Outcome, run: Outcome, base: Outcome) -> dict[str, Tap]:
    """Return the taps of the clean run, as far from it; those alone that the others have too."""
    values = [{name: tap.value for name, tap in one.taps.items()} for one in (clean, run, base)]
    slopes = _about(clean.slopes, run.slopes, base.slopes)
    return {name: Tap(one, slopes.get(name)) for name, one in _about(*values).items()}


def _about(
    clean: Mapping[str, Array], run: Mapping[str, Array], base: Mapping[str, Array]
) -> dict[str, Array]:
    return {
        name: _moved(array, run[name], base[name])
        if name in run and name in base and array.shape == run[name].shape == base[name].shape
        else array
        for name, array in clean.items()
    }


def _moved(clean: Array, run: Array, base: Array) -> Array:
    """Return an array moved as another was; where that was not, infinities stay as they are."""
    if clean.dtype.kind != "f":
        return run
    with np.errstate(all="ignore"):
        still = (run == base) | (np.isnan(run) & np.isnan(base))
        moved: Array = np.where(still, clean, clean + (run - base))
    return moved


def differing(first: Outcome, second: Outcome) -> tuple[str, ...]:
    """Return the names of the arrays in which two runs differ, in a single bit or in shape."""
    left, right = first.tensors, second.tensors
    return tuple(
        name
        for name in dict.fromkeys([*left, *right])
        if name not in left or name not in right or not _same(left[name], right[name])
    )


def _same(left: Array, right: Array) -> bool:
    return (
        left.dtype == right.dtype
        and left.shape == right.shape
        and np.ascontiguousarray(left).tobytes() == np.ascontiguousarray(right).tobytes()
    )
