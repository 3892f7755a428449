"""What an engine makes of a user's function: something that can be run in several ways."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from gradcmp.case import DType, Shape
from gradcmp.native.layouts.layout import Layout
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.taps import Held

LOG = logging.getLogger("gradcmp")

T = TypeVar("T")
D = TypeVar("D")
Function: TypeAlias = Callable[..., Any]
Cotangent: TypeAlias = Callable[[str, Shape], Array]  # by the name and the shape of an output


class Side(Protocol):
    """A function of the user at given inputs, in the framework that it is written for."""

    @property
    def framework(self) -> str:
        """The framework that it is written for."""

    @property
    def mode(self) -> str:
        """The mode that it runs in."""

    @property
    def autocast(self) -> DType | None:
        """The dtype of an autocast around it, whatever dtype it is run in."""

    @property
    def inputs(self) -> Mapping[str, Array]:
        """What it is called with; what is real in float64."""

    @property
    def wrt(self) -> tuple[str, ...]:
        """The inputs and parameters that it is differentiated with respect to."""

    @property
    def parameters(self) -> Mapping[str, Array]:
        """What it brings itself and is differentiated by: a module's weights."""

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """The names that it can be called by: None for any, none where nobody knows."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Versions and flags, as `Recording.environment`."""

    @property
    def held(self) -> Held:
        """The taps that hand on what they are given, as it lies among the inputs."""

    def plain(self, dtype: DType) -> Outcome:
        """Run it in a dtype, as the user does."""

    def clean(self, dtype: DType) -> Outcome:
        """Run it in float64, casts to a lower dtype left out, random numbers drawn as in `dtype`.

        Raises
        ------
        BackendError
            When it refuses float64.
        """

    def noisy(self, dtype: DType, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Run it in float64 with the rounding of `dtype` after each operation.

        Returns
        -------
        sequence of Outcome
            Around the clean run, one a replica; empty where there is no stream of operations to
            round in.
        """

    def ways(self, dtype: DType, rows: int = 64, seed: int = 0) -> Sequence[Outcome]:
        """Run it in float64, open branches taken otherwise: at ties, and within rounding of one.

        Returns
        -------
        sequence of Outcome
            Around the clean run, one a way, the first four with all ties broken alike; empty where
            branches are not seen.
        """

    def constants(self, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Run it in float64 with the numbers that it holds in float32 off by a unit roundoff.

        Returns
        -------
        sequence of Outcome
            Around the clean run, one a replica; empty where constants are not seen.
        """

    def at(self, inputs: Mapping[str, Array]) -> Side:
        """Return it at other inputs."""

    def in_mode(self, mode: str) -> Side:
        """Return it in another mode of its framework."""

    def holding(self, values: Mapping[str, Array], held: Held) -> Side:
        """Return it with taps that hand on given values, and given gradients."""


class WithLayouts(Side, Protocol):
    """A side whose framework has arrays that are not contiguous."""

    @property
    def cotangents(self) -> Any:
        """What its outputs' cotangents are drawn by."""

    def laid(self, layout: Layout, cotangents: Any) -> Side:
        """Return it with its inputs or cotangents in another layout, and with other cotangents."""


class Unseen:
    """A side whose operations nobody sees: it has no noise but its own, at nearby points."""

    def noisy(self, dtype: DType, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Return nothing: its operations are given no noise."""
        return ()

    def ways(self, dtype: DType, rows: int = 64, seed: int = 0) -> Sequence[Outcome]:
        """Return nothing: its branches are not seen."""
        return ()

    def constants(self, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Return nothing: its constants are not seen."""
        return ()


def attempted(run: Callable[[], T], otherwise: D) -> T | D:
    """Return what a run beyond the first gives, or `otherwise` where a function fails in it.

    A function that runs plain may fail under noise, at a nudged input, or in float64. Then less is
    known of it, which never lets more pass: without noise, branches or constants of its own a
    difference is judged by what the others have, and is suspect where nothing explains it.
    """
    try:
        return run()
    except Exception:
        LOG.debug("a run beyond the first failed", exc_info=True)
        return otherwise
