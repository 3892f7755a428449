"""How a framework's own code is written, for `gradcmp explain`: text in, text out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gradcmp.case import DType
from gradcmp.ops.spec import Kind

TAB = "    "


@dataclass(frozen=True)
class Cell:
    """A piece of a program with what there is to say about it, in Markdown."""

    text: str
    code: str


@dataclass(frozen=True)
class Outline:
    """What a framework's section of a program is about, as the code calls it.

    Attributes
    ----------
    inputs : mapping of str to Kind
        What all inputs are made of. The code has their arrays in ``inputs["X"]``.
    wrt, gradients : sequence of str
        What is differentiated by, and what the gradients are to be called.
    reached : sequence of bool
        Whether the output depends on each of `wrt`.
    taken : sequence of bool
        Whether the op `take` reads each of `wrt`: TensorFlow's gradient of it is no array.
    cotangent : str
        The array of the upstream gradient; empty for an output without axes, where it is 1.
    forward : sequence of str
        The lines that compute the output, in the spellings of the adapter.
    shapes : mapping of str to tuple of int
        Of all inputs.
    array : str
        A plain NumPy array of a tensor, by its name.
    """

    dtype: DType
    inputs: Mapping[str, Kind]
    wrt: Sequence[str]
    gradients: Sequence[str]
    reached: Sequence[bool]
    taken: Sequence[bool]
    output: str
    cotangent: str
    forward: Sequence[str]
    shapes: Mapping[str, tuple[int, ...]]
    array: str

    @property
    def shown(self) -> list[str]:
        """The lines that print the output and the gradients, as plain arrays."""
        return [printed(one, self.array.format(name=one)) for one in (self.output, *self.gradients)]

    @property
    def indented(self) -> list[str]:
        """The lines of `forward` inside of a block."""
        return [TAB + part for line in self.forward for part in line.splitlines()]


Section: TypeAlias = Callable[[Outline], Iterator[Cell]]


@dataclass(frozen=True)
class Idiom:
    """How one framework is written.

    Attributes
    ----------
    title : str
        What people call it.
    module : str
        What it is imported as: the first argument of the spellings.
    section : callable
        ``section(outline)`` gives the cells that import it, compute forward and differentiate.
    number : str
        A tensor of a number: ``tf.constant({number}, dtype=tf.{dtype})``.
    array : str
        A NumPy array of a tensor, by its name: ``{name}.numpy()``.
    argument : str
        A number of an expression where a function of the module is called with it.
    names : tuple of str
        What the code calls its own besides `module`: an input of that name gets another one.
    aliases : mapping of str to str
        What parts of the module are imported as: ``jax.numpy`` as ``jnp``.
    returns : mapping of str to int
        Functions that give several values at once, and how many.
    modes : mapping of str to Idiom
        How a mode is written that is another way altogether, for cases that ask for it.
    """

    title: str
    module: str
    section: Section
    number: str
    array: str = "{name}"
    argument: str = "{number}"
    names: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    returns: Mapping[str, int] = field(default_factory=dict)
    modes: Mapping[str, Idiom] = field(default_factory=dict)


def printed(name: str, array: str) -> str:
    """Return the line that prints an array below its name."""
    return f'print("{name} =", {array}, sep="\\n")'


def listed(names: Sequence[str]) -> str:
    """Return names as a list in code."""
    return f"[{', '.join(names)}]"
