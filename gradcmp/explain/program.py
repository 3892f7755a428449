"""A case as a program that needs no gradcmp: inputs, NumPy by hand, then a framework's own way."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from textwrap import wrap

from gradcmp.backends import idioms, import_adapter
from gradcmp.backends.idiom import Cell, Idiom
from gradcmp.case import Case, DType, Fixed
from gradcmp.errors import GraphError, UsageError
from gradcmp.explain.drawn import RNG, source
from gradcmp.explain.native import spelled
from gradcmp.explain.reference.chain import meaning, rule
from gradcmp.explain.reference.held import STORED
from gradcmp.explain.reference.textbook import COTANGENT, Textbook, textbook
from gradcmp.explain.reference.traced import ERF
from gradcmp.explain.reference.trees import WIDTH, Listing, pretty
from gradcmp.graph import Graph
from gradcmp.inputs.draw import COTANGENT as DRAWN
from gradcmp.judge.elementwise.tolerance import DEFAULTS
from gradcmp.judge.recorded.reference import MISFIT
from gradcmp.ops import Array, ArraySpec
from gradcmp.plan import check

COMPARE = '''\
differences = {}


def compare(framework, actual, rtol, atol):
    """Compare values and gradients with NumPy's: print how far apart they are, then insist."""
    actual = {name: np.asarray(array, dtype=np.float64) for name, array in actual.items()}
    found = differences[framework] = {}
    for name, array in actual.items():
        found[name] = np.max(np.abs(array - expected[name]), initial=0)
        print(f"{name} differs from NumPy's by at most {found[name]:.3g}")
    for name, array in actual.items():
        assert array.shape == expected[name].shape, f"{name} has shape {array.shape}"
        largest = max(1, np.max(np.abs(expected[name]), initial=0))  # small elements borrow from it
        np.testing.assert_allclose(array, expected[name], rtol, atol * largest, err_msg=name)'''


@dataclass(frozen=True)
class Program:
    """All that the sections of a case are made of.

    Attributes
    ----------
    specs : mapping of str to ArraySpec
        Shapes and kinds of all inputs and nodes.
    arrays : mapping of str to array
        The inputs, as they were drawn.
    book : Textbook
        The reference, line by line.
    idioms : mapping of str to Idiom
        The frameworks that it can be written in, by backend.
    """

    case: Case
    graph: Graph
    specs: Mapping[str, ArraySpec]
    arrays: Mapping[str, Array]
    cotangent: Array
    book: Textbook
    idioms: Mapping[str, Idiom]

    @classmethod
    def of(cls, case: Case, frameworks: Iterable[str] = ()) -> Program:
        """Draw the inputs of a case and run the reference on them.

        Parameters
        ----------
        frameworks : iterable of str
            Backends that it is to be written in, besides the built-in ones.

        Raises
        ------
        GradcmpError
            For expressions, names or shapes that do not fit, inputs that cannot be drawn, and a
            framework that there is not.
        """
        written = idioms(frameworks)
        plan = check(case)
        if plan.graph.whole:
            raise UsageError(
                f"case '{case.name}' computes in {case.dtype}, and derivations are of real numbers",
                where=case.where,
                way_out="Choose a real dtype where no op is of complex numbers alone",
            )
        arrays = plan.draw()
        taken = [name for one in written.values() for name in (one.module, *one.names)]
        try:
            book = textbook(plan.graph, arrays.inputs, arrays.cotangent, taken)
        except MISFIT as error:
            raise GraphError(
                f"case '{case.name}' cannot be computed from its inputs ({error})",
                where=case.where,
                way_out="Look at its indices and labels",
            ) from None
        return cls(case, plan.graph, plan.specs, arrays.inputs, arrays.cotangent, book, written)

    def name(self, of: str) -> str:
        """Return what an input or node is called in the code."""
        return self.book.names[of]

    def dtype(self, framework: str) -> DType:
        """Return what the first backend of a framework computes in, or the case."""
        specs = [spec for spec in self.case.backends if spec.name == framework]
        return self.case.dtype_of(specs[0]) if specs else self.case.dtype

    @cached_property
    def sources(self) -> Mapping[str, ast.expr | None]:
        """What makes each input and the cotangent, by their names in the code; None: stored."""
        made = {self.name(one): source(self.case, one, a) for one, a in self.arrays.items()}
        if self.cotangent.shape:
            made[COTANGENT] = source(self.case, DRAWN, self.cotangent)
        return made

    @cached_property
    def stored(self) -> Mapping[str, Array]:
        """Arrays that must lie beside the program, by their names in it."""
        named = {self.name(one): array for one, array in self.arrays.items()}
        named[COTANGENT] = self.cotangent
        large = {name: named[name] for name, tree in self.sources.items() if tree is None}
        return {**large, **self.book.stored}

    def opening(self, path: str) -> Iterator[Cell]:
        """Return imports and inputs.

        Parameters
        ----------
        path : str
            The expression for the file of the stored arrays.
        """
        again = any(tree is not None and "rng(" in ast.unparse(tree) for tree in self._made)
        modules = ["import hashlib"] * again + ["import math"] * self._erf
        modules += ["from pathlib import Path"] * ("Path(" in path and bool(self.stored))
        lines = [*modules, ""] if modules else []
        lines += ["import numpy as np", "", 'print("numpy", np.__version__)']
        if self.stored:
            lines += [f"{STORED} = np.load({path})"]
        if self._erf:
            lines += [f"{ERF} = np.vectorize(math.erf, otypes=[float])  # NumPy has none"]
        if again:
            lines += ["", "", RNG]
        yield Cell("", "\n".join(lines))
        code = [
            f'{name} = {STORED}["{name}"]'
            if tree is None
            else f"{name} = {pretty(tree, len(name) + 3)}"
            for name, tree in self.sources.items()
        ]
        named = ", ".join(f'"{self.name(one)}": {self.name(one)}' for one in self.graph.inputs)
        yield Cell("The inputs, in float64.", "\n".join([*code, f"inputs = {{{named}}}"]))

    @property
    def _made(self) -> list[ast.expr | None]:
        return list(self.sources.values())

    @property
    def _erf(self) -> bool:
        return any(f"{ERF}(" in line for lines in self.book.forward.values() for line in lines)

    def by_hand(self) -> Iterator[Cell]:
        """Return the section of NumPy: forward, then the chain rule, line by line."""
        forward = [line for lines in self.book.forward.values() for line in lines]
        output = self.name(self.graph.output)
        yield Cell("Forward.", "\n".join([*forward, f'print("{output} =", {output})']))
        backward: list[str] = []
        for name, lines in self.book.backward.items():
            backward += [*comment(rule(self.book, name).sentence), *lines]
        shown = [self.book.names.gradient(name) for name in self.case.wrt]
        backward += [f'print("{name} =", {name})' for name in shown]
        yield Cell(
            f"Backward: the chain rule, node by node; {meaning(self.book)}.", "\n".join(backward)
        )

    def expectation(self) -> Cell:
        """Return what NumPy found, and the function that holds other numbers against it."""
        known = [self.name(self.graph.output), *map(self.book.names.gradient, self.case.wrt)]
        named = "".join(f'    "{one}": np.asarray({one}),\n' for one in known)
        code = f"{COMPARE}\n\n\nexpected = {{\n{named}}}"
        return Cell("What other numbers are compared with.", code)

    def native(self, framework: str) -> list[str]:
        """Return the lines of the forward pass in a framework's own spelling."""
        operands = {one: (self.name(one), spec) for one, spec in self.specs.items()}
        backend, dtype = import_adapter(framework), self.dtype(framework)
        idiom = self.idioms[framework]
        trees = {
            self.name(node.name): spelled(backend.spelling(node.spec), idiom, node, operands, dtype)
            for node in self.graph
        }
        listing = Listing(trees, self.book.names.part)
        return [line for target in trees for line in listing.lines(target)]

    def comparison(self, framework: str, title: str, actual: Mapping[str, str]) -> str:
        """Return the lines that compare a framework's numbers with NumPy's.

        Parameters
        ----------
        title : str
            What it is called in the table of differences.
        actual : mapping of str to str
            An expression for the array of each value and gradient.
        """
        own = self.case.tolerance
        fixed = own if isinstance(own, Fixed) else DEFAULTS[self.dtype(framework)]
        named = "".join(f'    "{one}": {array},\n' for one, array in actual.items())
        given = f"{json.dumps(title)}, actual, rtol={fixed.rtol}, atol={fixed.atol}"
        return f"actual = {{\n{named}}}\ncompare({given})"


def comment(text: str) -> list[str]:
    """Return a text as comment lines."""
    return wrap(text, WIDTH, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)
