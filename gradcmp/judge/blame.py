"""What is known of a disagreement: who is off the truth, the likely cause, where it began."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Ruling:
    """Who of a pair is off.

    Attributes
    ----------
    off, right : tuple of str
        Labels; one of which the truth could not tell is in neither.
    why : str
        What they were held against.
    index : tuple of int, optional
        The element at which they were; None where it was no single one.
    truth : pair of float, optional
        The derivative there, twice; at a kink the slopes to both sides.
    certain : bool
        Whether a float64 side is off by more than rounding ever leaves of float64.
    """

    off: tuple[str, ...] = ()
    why: str = ""
    right: tuple[str, ...] = ()
    index: tuple[int, ...] | None = None
    truth: tuple[float, float] | None = None
    certain: bool = False

    @property
    def side(self) -> str | None:
        """The label that is off, both of them, or None."""
        return " and ".join(self.off) or None


@dataclass(frozen=True)
class Cause:
    """A hypothesis that explains a difference down to noise.

    Attributes
    ----------
    text : str
        In words: ``the sign is flipped``, ``a factor of 1/4, the length of axis 0``.
    residual : float
        What it leaves unexplained, as a multiple of the noise (of the allowance, without one).
    of_rounding : bool
        Whether it is a way to lose digits, and no wrong formula.
    """

    text: str
    residual: float
    of_rounding: bool = False


@dataclass(frozen=True)
class Finding:
    """What is known of one disagreement beyond its size.

    Attributes
    ----------
    causes : tuple of Cause
        The best first; empty rather than a guess.
    side : str, optional
        The label of the backend that is off the truth; None when the truth could not tell.
    ruling : Ruling
        How that was found.
    where : str
        What the places of the elements that disagree have in common, in words; may be empty.
    """

    causes: tuple[Cause, ...] = ()
    side: str | None = None
    ruling: Ruling = field(default_factory=Ruling)
    where: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Divergence:
    """Where two sides first part among all that one disagreeing tensor is made from.

    Attributes
    ----------
    forward, backward : str, optional
        The first value, going forward, and the first gradient, going back; as on screen. None
        where no such one parts. Of a gradient, `forward` is among what its pullbacks read.
    """

    forward: str | None
    backward: str | None

    @property
    def origin(self) -> str | None:
        """The tensor where it began: values come before gradients."""
        return self.forward or self.backward


@dataclass(frozen=True)
class Sensitivity:
    """Whether a comparison could have failed: which wrong gradients it would have let pass.

    Attributes
    ----------
    survivors : mapping of str to float
        By mutant (``zero``, ``negated`` …) that would have passed, the share of the elements
        that cannot tell it apart; ``itself`` where the reference alone computed. Empty: the check
        is not weak.
    """

    survivors: Mapping[str, float] = field(default_factory=dict)

    @property
    def weak(self) -> bool:
        """Whether a wrong gradient would have passed."""
        return bool(self.survivors)


@dataclass(frozen=True)
class Group:
    """Backends that computed the same.

    Attributes
    ----------
    value : float
        What the first of them has at the element where the groups differ most.
    wrong : bool, optional
        Whether they are off the truth; None where it could not tell.
    """

    labels: tuple[str, ...]
    value: float
    wrong: bool | None


@dataclass(frozen=True)
class Groups:
    """All backends that have one tensor, by what they computed.

    Attributes
    ----------
    index : tuple of int
        The element whose values are given.
    truth : pair of float, optional
        The derivative there, twice; at a kink the slopes to both sides. None of a value, which
        the reference's forward pass defines, and where the truth could not tell.
    """

    index: tuple[int, ...]
    groups: tuple[Group, ...]
    truth: tuple[float, float] | None = None

    @property
    def wrong(self) -> tuple[str, ...]:
        """Everybody who is off the truth."""
        return tuple(label for group in self.groups if group.wrong for label in group.labels)

    def of(self, labels: Collection[str]) -> Groups:
        """Return it with these labels alone."""
        kept = (
            replace(group, labels=tuple(one for one in group.labels if one in labels))
            for group in self.groups
        )
        return replace(self, groups=tuple(group for group in kept if group.labels))


def among(groups: Mapping[str, Groups], labels: Collection[str]) -> dict[str, Groups]:
    """Return the groups of these labels alone, by tensor on which they differ or are wrong."""
    found = {name: one.of(labels) for name, one in groups.items()}
    return {name: one for name, one in found.items() if len(one.groups) > 1 or one.wrong}


@dataclass(frozen=True)
class Stage:
    """One stage of a compiler, as a side that is wrong or has failed ran in it.

    Attributes
    ----------
    mode : str
        As backends are asked for it.
    adds : str
        What it adds to the one before, in words; empty of what is not compiled.
    wrong : bool, optional
        Whether it differs there from what is not compiled, or has failed as the side did; None
        where that is not known.
    """

    mode: str
    adds: str
    wrong: bool | None
