"""What is known of a case before anything runs, found out once and read by all that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from gradcmp import inputs
from gradcmp.case import Auto, BackendSpec, Case, InputSpec
from gradcmp.derivatives import Asked
from gradcmp.dtypes import COMPLEX, REAL_PARTS, finest
from gradcmp.errors import UsageError, did_you_mean
from gradcmp.graph import Graph, build, infer, require_bounds, require_gradient
from gradcmp.inputs.directions import asked_of, require_derivative
from gradcmp.ops import ArraySpec
from gradcmp.ops.spec import CONTINUOUS
from gradcmp.parts.graph import in_real_numbers, parts_of, require_dtype
from gradcmp.recording import COTANGENT, Array
from gradcmp.tolerances import require_sense
from gradcmp.workers import Environment, Request
from gradcmp.workers.resolved import backends_of as backends_of
from gradcmp.workers.resolved import resolve as resolve

# What of a backend changes nothing that it computes.
NO_MATTER: Mapping[str, Any] = {"timeout": 1.0, "loading": 1.0, "required": True, "where": None}


@dataclass(frozen=True)
class Arrays:
    """What every backend is given, in float64: the inputs, and the cotangent of the output."""

    inputs: Mapping[str, Array]
    cotangent: Array
    asked: Asked | None = None

    @property
    def named(self) -> dict[str, Array]:
        """The inputs by their names, and the cotangent under `COTANGENT`."""
        return {**self.inputs, COTANGENT: self.cotangent}


@dataclass(frozen=True)
class Plan:
    """A case that was checked. `check` makes it.

    It holds no array: a suite keeps the plans of all its cases.

    Attributes
    ----------
    graph : Graph
        Of real numbers: those of a case of complex ones are in parts, on a last axis of two.
    specs : mapping of str to ArraySpec
        Shape and kind of every input and node of that graph.
    backends : mapping of str to BackendSpec
        Who computes, by label, with mode and dtype resolved; the float64 reference first.
    """

    case: Case
    graph: Graph
    specs: Mapping[str, ArraySpec]
    backends: Mapping[str, BackendSpec]

    @property
    def reference(self) -> str:
        """The label of the float64 reference."""
        return next(iter(self.backends))

    @property
    def environments(self) -> tuple[Environment, ...]:
        """The processes that its backends need, each once."""
        return tuple(dict.fromkeys(map(Environment.of, self.backends.values())))

    @property
    def is_reference_alone(self) -> bool:
        """Whether all backends are the reference by other names, so that nothing can differ."""
        asked = {replace(spec, **NO_MATTER) for spec in self.backends.values()}
        return len(asked) < 2 <= len(self.backends)

    def computed_by(self, spec: BackendSpec) -> Plan:
        """Return the same question to one backend, which the case need not name.

        Raises
        ------
        UsageError
            As `resolve`.
        """
        return replace(self, backends={str(spec): resolve(spec, self.case)})

    def of_node(self, node: str, arrays: Arrays) -> Plan:
        """Return a plan of one node alone, differentiated with respect to all that it reads."""
        operands = {name: InputSpec("values", array.shape) for name, array in arrays.inputs.items()}
        case = replace(
            self.case,
            name=f"{self.case.name}/{node}",
            inputs=operands,
            graph={node: self.case.graph[node]},
            output=node,
            derivative="gradient",
            wrt=tuple(name for name in operands if self.specs[name].kind == "float"),
        )
        graph = build(case)
        if self.graph.whole:
            wholes = {name: self.logical(name) for name in operands}
            graph = in_real_numbers(graph, infer(graph, wholes))
        names = (*graph.inputs, *(step.name for step in graph))
        specs = {name: self.specs[name] for name in names}
        return replace(self, case=case, graph=graph, specs=specs)

    def logical(self, name: str) -> ArraySpec:
        """Return what is known of an input or node, whose parts `specs` has."""
        spec = self.specs[name]
        return ArraySpec(spec.shape[:-1], "complex") if name in self.graph.whole else spec

    def draw(self) -> Arrays:
        """Draw the inputs and the cotangent; who asks for them keeps them, the plan does not.

        Raises
        ------
        InputError
            For a data file that is no longer what it was when the case was checked.
        GraphError
            For indices that name nothing.
        """
        shape = self.specs[self.graph.output].shape
        drawn = inputs.draw(self.case, self.specs)
        require_bounds(self.graph, self.specs, drawn)
        is_complex = self.graph.output in self.graph.whole
        upstream = inputs.cotangent(self.case, shape, is_complex=is_complex)
        return Arrays(drawn, upstream, asked_of(self.case, self.specs))

    def requests(self, arrays: Arrays) -> list[Request]:
        """Return the request to each backend."""
        body = tuple((name, expression.text) for name, expression in self.case.graph.items())
        output, given = self.graph.output, {**vars(arrays)}
        given["whole"] = tuple(name for name in arrays.inputs if name in self.graph.whole)
        return [Request(label, by, body, output, **given) for label, by in self.backends.items()]

    def in_float64(self, request: Request) -> Request | None:
        """Return the same request in the finest dtype, by which auto tells rounding from a bug."""
        fine = finest(request.spec.dtype or self.case.dtype)
        if not isinstance(self.case.tolerance, Auto) or request.spec.dtype == fine:
            return None
        return replace(request, spec=replace(request.spec, dtype=fine))


@dataclass(frozen=True)
class CodePlan:
    """A case of functions of the user that was checked.

    Attributes
    ----------
    specs : mapping of str to ArraySpec
        Shape and kind of every input.
    only : str
        The label of the function that alone computes; empty: all do.
    stamps : mapping of str to str
        By file that its functions are made of, what changes when the file does; where they change,
        a worker reads them anew. Empty: what is loaded stays.
    """

    case: Case
    specs: Mapping[str, ArraySpec]
    only: str = ""
    stamps: Mapping[str, str] = field(default_factory=dict)

    def computed_by(self, spec: BackendSpec) -> CodePlan:
        """Return the same question to one function: that of this label, or of this framework.

        Raises
        ------
        UsageError
            When there is none, or several are of that framework.
        """
        code, name = self.case.code, str(spec)
        of_framework = [label for label, one in code.items() if one.backend.name == name]
        if name not in code and len(of_framework) != 1:
            several = f"{len(of_framework)} functions" if of_framework else "no function"
            fact = f"case '{self.case.name}' has {several} called or written for '{name}'"
            way_out = did_you_mean(name, code) or f"Name one: {', '.join(code)}"
            raise UsageError(fact, where=self.case.where, way_out=way_out)
        return replace(self, only=name if name in code else of_framework[0])

    @property
    def reference(self) -> str:
        """The label of the function whose float64 run is the reference."""
        return self.case.reference or next(iter(self.case.code))

    @property
    def backends(self) -> Mapping[str, BackendSpec]:
        """Who computes, by label."""
        code = self.case.code.items()
        return {label: s.backend for label, s in code if self.only in ("", label)}

    @property
    def environments(self) -> tuple[Environment, ...]:
        """The processes that its functions need, each once."""
        return tuple(dict.fromkeys(map(Environment.of, self.backends.values())))


AnyPlan: TypeAlias = Plan | CodePlan


def check_any(case: Case) -> AnyPlan:
    """Find everything that can be found wrong with a case before anything runs.

    A case of functions is not imported for it: that is for their workers.

    Raises
    ------
    GradcmpError
        As `check`.
    """
    if not case.code or case.fault:
        return check(case)
    if case.dtype in COMPLEX:
        raise UsageError(
            f"case '{case.name}' has code, whose functions are of real numbers, and asks for "
            f"{case.dtype}",
            where=case.where,
            way_out=REAL_PARTS,
        )
    specs = inputs.specs(case)
    inputs.require_memory(specs, case.where)
    inputs.require_whole(case)
    asked = [spec.name for spec in case.backends]
    if asked and asked != [spec.backend.name for spec in case.code.values()]:
        raise UsageError(
            f"case '{case.name}' has code, whose functions say who computes",
            where=case.where,
            way_out="Leave the backends out",
        )
    for spec in case.code.values():
        home = spec.source.rpartition(":")[0]
        if home.endswith(".py") and not Path(home).is_file():
            raise UsageError(f"there is no file '{home}'", where=spec.where)
    return CodePlan(case, specs)


def check(case: Case) -> Plan:
    """Find everything that can be found wrong with the graph of a case before anything runs.

    Returns
    -------
    Plan
        What was found out on the way.

    Raises
    ------
    GradcmpError
        For expressions, names or shapes that do not fit, inputs that cannot be drawn, backends
        or modes that do not exist, a tolerance that lets everything pass, or arrays that the
        machine's memory cannot hold.
    """
    if case.fault:
        raise case.fault
    case = completed(replace(case, graph=inputs.reads_of(case)))
    require_sense(case.tolerance)
    if case.code:
        raise UsageError(
            f"case '{case.name}' has code and no graph, which this needs",
            where=case.where,
            way_out="Code can be run and checked",
        )
    if case.layouts == "all":
        raise UsageError(
            f"case '{case.name}' has layouts: all, and a graph: backends lay out arrays themselves",
            where=case.where,
            way_out="Leave it out where there is no code",
        )
    backends = {str(spec): resolve(spec, case) for spec in backends_of(case)}
    graph = build(case)
    specs = infer(graph, inputs.specs(case), case.dtype)
    require_dtype(specs, graph, case)
    if case.dtype in COMPLEX:
        graph, specs = in_real_numbers(graph, specs), parts_of(specs)
    require_derivative(case, specs, backends.values())
    require_gradient(graph, specs)
    inputs.require_memory(specs, case.where)
    inputs.require_whole(case)
    return Plan(case, graph, specs, backends)


def completed(case: Case) -> Case:
    """Return a case with the output and what it is differentiated by, as YAML infers them."""
    if not case.graph:
        return case
    wrt = case.wrt or tuple(
        name for name, one in inputs.specs(case).items() if one.kind in CONTINUOUS
    )
    return replace(case, output=case.output or [*case.graph][-1], wrt=wrt)
