"""One side held against the float64 reference, with gradients put in its recording by hand.

The side computes with NumPy in its own dtype, so that it is right but for what is put in. What is
right comes from the tests: from written mathematics, never from the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pytest

from gradcmp.api import origin_of, with_provenance
from gradcmp.backends.base import Job
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import Auto, BackendSpec, Case, Expression, InputSpec
from gradcmp.graph import build, infer
from gradcmp.graph.walk import spec_of
from gradcmp.judge import CaseVerdict, Comparison, Pair, judge
from gradcmp.judge.verdict import Finding
from gradcmp.plan import check
from gradcmp.recording import Recording, numpy_dtype


def lacking(what: str) -> pytest.MarkDecorator:
    """Mark a test that does not hold yet, and say what is missing; once it holds it must go."""
    return pytest.mark.xfail(reason=what, strict=True, raises=AssertionError)


Arrays = Mapping[str, npt.ArrayLike]
PAIR = Pair("torch", "numpy")


@dataclass(frozen=True)
class Trial:
    """A case, and what one side says of it.

    Attributes
    ----------
    graph : mapping of str to str
        Expressions by name; the last is the output.
    inputs : mapping of str to array
        In float64; rounded to the dtype, as a run does.
    both, alone : mapping of str to array
        What the side says instead of what it computed: in its dtype and in its float64 run, or
        in its dtype alone. Gradients are called ``d x``.
    twin : bool
        Whether it has a float64 run.
    """

    graph: Mapping[str, str]
    inputs: Arrays
    both: Arrays | None = None
    alone: Arrays | None = None
    dtype: str = "float32"
    twin: bool = True
    strict: bool = False

    @cached_property
    def case(self) -> Case:
        """The case."""
        return Case(
            "trial",
            {name: InputSpec("values", np.shape(x)) for name, x in self.inputs.items()},
            {name: Expression(text) for name, text in self.graph.items()},
            list(self.graph)[-1],
            tuple(name for name, x in self.inputs.items() if np.asarray(x).dtype.kind == "f"),
            (BackendSpec("numpy"), BackendSpec("torch")),
            Auto(),
            strict=self.strict,
        )

    @cached_property
    def held(self) -> dict[str, npt.NDArray[np.float64]]:
        """The inputs, rounded to the dtype."""
        kind = numpy_dtype(self.dtype)
        with np.errstate(all="ignore"):
            return {
                name: np.asarray(x, kind).astype(np.float64)
                if np.asarray(x).dtype.kind == "f"
                else np.asarray(x)
                for name, x in self.inputs.items()
            }

    def computed(self, label: str, dtype: str) -> Recording:
        """Compute with NumPy in a dtype."""
        job = Job(label, build(self.case), self.held, self.cotangent, "manual", dtype)
        return NumpyBackend("cpu").record(job)

    @cached_property
    def cotangent(self) -> npt.NDArray[np.float64]:
        """What the gradient of the output is given to be: one, or drawn for an array."""
        specs = infer(build(self.case), {name: spec_of(x) for name, x in self.held.items()})
        if not (shape := specs[self.case.output].shape):
            return np.ones(())
        drawn = np.random.default_rng(7).standard_normal(shape)
        return drawn.astype(numpy_dtype(self.dtype)).astype(np.float64)

    @cached_property
    def verdict(self) -> CaseVerdict:
        """The verdict on the side and the reference."""
        ours = put(self.computed("torch", self.dtype), {**(self.both or {}), **(self.alone or {})})
        twins = {}
        if self.twin and self.dtype != "float64":
            twins["torch"] = put(self.computed("torch", "float64"), self.both or {})
        reference = self.computed("numpy", "float64")
        return judge(self.case, "numpy", {"numpy": reference, "torch": ours}, twins)

    @cached_property
    def kept(self) -> Recording:
        """The side's recording with all that a judge will want of it later."""
        inputs = {
            name: replace(spec, parameters={"values": self.held[name].tolist()})
            for name, spec in self.case.inputs.items()
        }
        ours = put(self.computed("torch", self.dtype), {**(self.both or {}), **(self.alone or {})})
        twin = put(self.computed("torch", "float64"), self.both or {})
        twins = {"torch": twin} if self.twin and self.dtype != "float64" else {}
        plan = check(replace(self.case, inputs=inputs))
        arrays = plan.draw()
        return with_provenance({"torch": ours}, twins, origin_of(plan, arrays), arrays)["torch"]

    def of(self, name: str) -> Comparison:
        """Return what is said of one tensor."""
        return self.verdict.comparisons[PAIR][name]

    def agrees(self, name: str) -> bool:
        """Whether a tensor agrees, with a reservation or without one."""
        return self.of(name).agrees

    def warns(self, name: str) -> bool:
        """Whether a tensor is more than a plain agreement."""
        return not self.of(name).agrees or self.of(name).verdict.warns

    def reason(self, name: str) -> str:
        """Return the word for it."""
        return self.of(name).verdict.reason

    def finding(self, name: str) -> Finding:
        """Return cause and side."""
        return self.verdict.findings.get(PAIR, {}).get(name, Finding())

    def side(self, name: str) -> str | None:
        """Return who is wrong."""
        return self.finding(name).side

    def words(self, name: str) -> str:
        """Return the detail and the causes."""
        causes = (cause.text for cause in self.finding(name).causes)
        return "; ".join((self.of(name).verdict.detail, *causes))


def put(recording: Recording, arrays: Arrays) -> Recording:
    """Return a recording with other arrays, cast to its dtype."""
    kind = numpy_dtype(recording.dtype)
    values, gradients = dict(recording.values), dict(recording.gradients)
    for name, array in arrays.items():
        home = gradients if name.startswith("d ") else values
        key = name.removeprefix("d ")
        assert key in home, name
        assert np.shape(array) == home[key].shape, name
        with np.errstate(all="ignore"):
            home[key] = np.asarray(array, np.float64).astype(kind)
    return replace(recording, values=values, gradients=gradients)
