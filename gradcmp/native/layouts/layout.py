"""The layouts in which the same numbers can reach a function, and in which its gradients leave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from gradcmp.case import Shape
from gradcmp.errors import RecordingError

Target: TypeAlias = Literal["", "cotangent", "input", "backward"]
Form: TypeAlias = Literal[
    "contiguous",
    "expanded",  # stride 0: one row for all, as sum() hands on
    "narrowed",  # a slice of a larger array, as cat() hands on
    "strided",  # every other element, as stack() hands on
    "transposed",
    "channels-last",
    "absent",  # no cotangent at all for one of several outputs
    "zero",
    "twice",  # the same graph differentiated again
    "accumulated",  # .grad was filled beforehand
]


@dataclass(frozen=True)
class Layout:
    """One way to hand over numbers that are the same as in a contiguous array.

    Attributes
    ----------
    target : str
        What lies in memory otherwise: cotangents or inputs; or how the backward pass is called.
    form : str
        How.
    axis : int, optional
        From the last one, below 0. Expanded: along this axis, or along all; narrowed: along it;
        transposed: it and the next one.
    names : tuple of str
        The outputs or inputs that are meant; empty: each that can be handed over so.
    misread : bool
        Whether what is handed over is contiguous, and made of the numbers that are found by
        whoever reads such an array as if it were.
    """

    target: Target = ""
    form: Form = "contiguous"
    axis: int | None = None
    names: tuple[str, ...] = ()
    misread: bool = False

    def __post_init__(self) -> None:
        if self.target not in get_args(Target) or self.form not in get_args(Form):
            raise RecordingError(f"there is no layout '{self.form}' of a '{self.target}'")

    def covers(self, target: Target, name: str) -> bool:
        """Whether an output or input is meant."""
        return self.target == target and (not self.names or name in self.names)

    def applies(self, shape: Shape) -> bool:
        """Whether an array of this shape can lie in memory so, and then is not contiguous."""
        axes, axis = len(shape), self.axis
        if self.form not in IN_MEMORY or math.prod(shape) < 2 or (axis and axes < -axis):
            return False
        if self.form == "transposed" and axis:
            return shape[axis] > 1 and shape[axis + 1] > 1
        if self.form == "channels-last":
            return axes in WITH_CHANNELS and shape[1] > 1 and math.prod(shape[2:]) > 1
        return self.form != "expanded" or axis is None or shape[axis] > 1

    @property
    def equalizes(self) -> bool:
        """Whether it can hold only numbers that are equal along the axis."""
        return self.form == "expanded"

    @property
    def facts(self) -> dict[str, Any]:
        """It, as a worker is told; nothing of a contiguous one."""
        return {} if self == CONTIGUOUS else asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Layout:
        """Return what `facts` tells of."""
        return cls(**{**facts, "names": tuple(facts.get("names", ()))})

    def of_one(self, name: str) -> Layout:
        """Return the same of one output or input alone."""
        return replace(self, names=(name,))

    def words(self, axes: int | None = None) -> str:
        """Return it in words, with an article: ``an expanded cotangent``.

        Parameters
        ----------
        axes : int, optional
            How many axes the arrays have, so that the first one is axis 0.
        """
        target = " ".join([self.target, *(["of"] if self.target == "cotangent" else [])])
        named = f"{target} {' and '.join(self.names)}" if self.names else self.target
        if self.form in _WORDS:
            return _WORDS[self.form].format(named)
        axis, plain = self.axis, {"narrowed": LAST, "transposed": TRANSPOSED}.get(self.form)
        if axis is None or axis == plain:
            return f"{_article(self.form)} {self.form} {named}"
        first = axis + (axes or 0)
        where = f"in axes {first} and {first + 1}" if plain == TRANSPOSED else f"along axis {first}"
        return f"{_article(named)} {named} {self.form} {where}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


CONTIGUOUS = Layout()
IN_MEMORY = ("expanded", "narrowed", "strided", "transposed", "channels-last")
WITH_CHANNELS = (4, 5)  # axes of what can have its channels last
LAST, TRANSPOSED = -1, -2
_WORDS: Mapping[str, str] = {
    "contiguous": "contiguous arrays",
    "absent": "no {}",
    "zero": "a cotangent of zeros",
    "twice": "a second backward pass",
    "accumulated": "a .grad that was filled before",
}
