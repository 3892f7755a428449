"""Cases to write out, and how to run what was written."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np

from gradcmp.backends import Job
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import BackendSpec, Case, Expression, InputSpec
from gradcmp.config import find, load
from gradcmp.dtypes import COMPLEX
from gradcmp.explain.program import Program
from gradcmp.explain.reference.held import STORED
from gradcmp.explain.script import script

HERE = Path(__file__).parents[2] / "configs"
# Derivations are of real numbers.
CONFIGS = {
    case.name: case for path in find([HERE]) for case in load(path) if case.dtype not in COMPLEX
}


def make(graph, inputs, dtype="float64", output=None, wrt=None, **rest):
    """Return a case of texts and input specifications."""
    return Case(
        "case",
        inputs,
        {name: Expression(text) for name, text in graph.items()},
        output or list(graph)[-1],
        tuple(inputs) if wrt is None else wrt,
        (BackendSpec("numpy"),),
        dtype=dtype,
        **rest,
    )


def of_example(op, example):
    """Return the case of an op's example, with operands from its domain."""
    rng = np.random.default_rng(5)
    inputs = {}
    for name, shape in example.shapes.items():
        array = op.draw(name, rng, shape)
        integer = {"integer": True} if array.dtype.kind == "i" else {}
        inputs[name] = InputSpec("values", shape, {"values": array.tolist(), **integer})
        if not array.size:
            inputs[name] = InputSpec("zeros", shape)
    wrt = [name for name in inputs if op.draw(name, rng, (1,)).dtype.kind == "f"]
    return make({"out": example.expression}, inputs, wrt=tuple(wrt))


def reference(case):
    """Return gradcmp's own float64 recording of a case."""
    program = Program.of(case)
    job = Job("numpy", program.graph, program.arrays, program.cotangent, "manual", "float64")
    return NumpyBackend("cpu").record(job)


def run(program, framework, folder, spoil=lambda text: text):
    """Run the script of a program as a module of its own; give its names and what it printed."""
    file = folder / "written.py"
    np.savez(folder / "written.npz", **program.stored)
    printed = io.StringIO()
    scope = {"__name__": "written", "__file__": str(file)}
    text = spoil(script(program, framework, "written.npz"))
    with contextlib.redirect_stdout(printed):
        exec(compile(text, file, "exec"), scope)
    if program.stored:  # a file that nobody closes is one more warning, in whatever test runs then
        scope[STORED].close()
    return scope, printed.getvalue()
