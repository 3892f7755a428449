"""What each verdict means and what to do about it, under a code that never changes.

A tensor's reason, a backend's kind of failure and what is said of a whole check have one code
each. The manual's page, ``gradcmp explain GC101`` and SARIF read this table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

WEAK = "weak"
UNSTEADY = "unsteady"
MANUAL = "https://gradcmp.github.io/gradcmp/verdicts/"


@dataclass(frozen=True)
class Explanation:
    """One kind of verdict.

    Attributes
    ----------
    code : str
        ``GC0xx`` agrees, ``GC1xx`` disagrees, ``GC2xx`` agrees with a warning, ``GC3xx`` could not
        be compared.
    name : str
        The word on the screen: the reason of a comparison, or the kind of a failure.
    summary : str
        What it says, in a phrase.
    meaning, remedy : str
        What it means, and what to do about it, in whole sentences.
    """

    code: str
    name: str
    summary: str
    meaning: str
    remedy: str

    @property
    def link(self) -> str:
        """The place in the manual."""
        return f"{MANUAL}#{self.code.lower()}"

    def lines(self) -> Iterator[str]:
        """Return it as paragraphs for a terminal."""
        yield f"{self.code}  {self.name}: {self.summary}"
        yield self.meaning
        yield f"What to do: {self.remedy}"


TABLE = (
    Explanation(
        "GC001",
        "exact",
        "the same numbers",
        "Every element is the same on both sides, bit by bit or as a number (0 equals -0).",
        "Nothing.",
    ),
    Explanation(
        "GC002",
        "rounding",
        "within what rounding explains",
        "The difference is no larger than the rounding errors that any correct implementation "
        "makes for this function, these inputs and this element, or than the tolerance that "
        "belongs to the dtype.",
        "Nothing. The multiple of the noise beside it says how close to the limit it came.",
    ),
    Explanation(
        "GC101",
        "bug",
        "above the noise threshold, and float64 does not change it",
        "The difference is far above what rounding explains, and it stays when both sides are "
        "computed in float64, or it lies in one dtype alone and no loss of digits accounts for "
        "it: the two sides compute different functions.",
        "Look at the side named as wrong, at the node of the first divergence, for the cause that "
        "is named. Everything downstream of that node follows from it.",
    ),
    Explanation(
        "GC102",
        "suspect",
        "above the noise threshold, and no float64 run could tell why",
        "The difference is above what rounding explains, but one of the sides has no float64 run "
        "that would tell a bug from lost digits.",
        "Give both sides a float64 run: record with `gradcmp record`, or let the function accept "
        "float64. If it is a kernel for one dtype only, compare it with one that has both.",
    ),
    Explanation(
        "GC103",
        "tolerance",
        "within, or beyond, a tolerance that was chosen",
        "An element-wise tolerance of the config or the command line was compared with, or the "
        "table by dtype where no graph is known. It says nothing about the cause.",
        "Use `tolerance: auto` where a graph or the functions are there: it needs no number.",
    ),
    Explanation(
        "GC104",
        "non-finite",
        "NaN or an infinity",
        "One side has a NaN or an infinity where the other has a finite number or another one "
        "(it disagrees), or both have it in the same places for finite inputs (a warning: such "
        "elements were not compared).",
        "The node where it is born is named. Keep its operand inside the op's domain; where it "
        "must be outside, compute both branches of a `where` on safe values.",
    ),
    Explanation(
        "GC105",
        "range",
        "overflowed the dtype",
        "The true value is larger than the largest number of the dtype, and one side gave an "
        "infinity or a NaN for that reason.",
        "Rescale, subtract the maximum before exp, or compute this part in a wider dtype.",
    ),
    Explanation(
        "GC106",
        "shape",
        "another shape",
        "The two tensors have different shapes, so that no element was compared.",
        "A gradient has the shape of its input: look for a broadcast that was not summed back, "
        "a transposed result, or an axis of length 1 that was dropped.",
    ),
    Explanation(
        "GC107",
        "dtype",
        "another dtype",
        "The two tensors have kinds of number that are not compared with each other, or one has "
        "another dtype than the case asks for.",
        "Cast where the value leaves the function, or name the dtype in the case.",
    ),
    Explanation(
        "GC108",
        "missing",
        "a tensor that only one side has",
        "One side gave a value or a gradient that the other did not.",
        "Return it there, leave it out of `wrt`, or map its name: `gradcmp diff --map`.",
    ),
    Explanation(
        "GC109",
        "empty",
        "no elements to compare",
        "The tensor has no elements on either side, so that nothing was compared.",
        "Use shapes with at least one element, or ask for edge shapes beside ordinary ones.",
    ),
    Explanation(
        "GC201",
        "precision",
        "above the noise threshold, but digits were lost as the algorithm loses them",
        "The difference is above the rounding noise of the function, but it shrinks in float64 as "
        "rounding does and varies with the inputs as lost digits do: a right but less accurate "
        "algorithm, such as a variance computed as E[x²] − E[x]².",
        "Nothing, if that accuracy is enough; otherwise use the stable formula.",
    ),
    Explanation(
        "GC202",
        "note",
        "a real difference that hides below the noise of the dtype",
        "In the tested dtype the difference is lost in rounding, but the float64 runs differ by "
        "more than float64 explains: another epsilon, another constant, a term that is tiny here.",
        "Look at the cause that is named, and run the case in float64 to see it plainly.",
    ),
    Explanation(
        "GC203",
        "kink",
        "a non-differentiable point (tie): another subgradient",
        "The function has no derivative at these inputs (relu at 0, a maximum of equal numbers, "
        "sorted ties), and both gradients are what some choice of branches gives.",
        "Nothing, or use inputs without ties. Under `strict` it fails.",
    ),
    Explanation(
        "GC204",
        WEAK,
        "a check that a wrong gradient would have passed, too",
        "With these inputs an ordinary mistake (a zero gradient, a flipped sign, an element that "
        "is 0.1 % off) would have gone unnoticed.",
        "Use inputs that are not zero, constant or saturated, or a dtype with more digits.",
    ),
    Explanation(
        "GC205",
        UNSTEADY,
        "two runs of the same side differ",
        "The same program gave different bits for the same inputs: it is not deterministic.",
        "Seed it, turn dropout off, or ask the framework for deterministic algorithms.",
    ),
    Explanation(
        "GC301",
        "absent",
        "a framework, mode or device that is not there",
        "The side could not be started because what it needs is not installed or not available.",
        "Install it (`gradcmp backends` says how), or write `required: false` for that backend.",
    ),
    Explanation(
        "GC302",
        "crashed",
        "its process ended by itself",
        "The worker was ended by a signal or left with an exit code before it had answered; what "
        "it wrote last is shown.",
        "Read its last lines. Other backends and cases are not affected.",
    ),
    Explanation(
        "GC303",
        "timeout",
        "it took longer than it may",
        "The worker did not answer within `timeout` seconds, or its framework did not load within "
        "`loading` seconds, and was ended.",
        "Raise `timeout`, or make the case smaller.",
    ),
    Explanation(
        "GC304",
        "error",
        "it raised an error",
        "The framework or the function raised; its message is shown.",
        "Read the message; `--debug` shows the traceback.",
    ),
)  # fmt: skip

BY_NAME: Mapping[str, Explanation] = MappingProxyType({one.name: one for one in TABLE})
BY_CODE: Mapping[str, Explanation] = MappingProxyType({one.code: one for one in TABLE})


def code(name: str) -> str:
    """Return the code of a reason or of a kind of failure: ``GC101`` for ``bug``."""
    return BY_NAME[name].code
